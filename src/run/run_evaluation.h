#pragma once

#include "evaluation/divergence.h"
#include "evaluation/evaluate.h"
#include "run/prepared_run.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace expandft {

/// Measures a run's tasks: while it trains, and on the trained model. Nothing is measured twice.
class RunEvaluation {
 public:
  /// All but `quiet` must outlive it. Input errors as prepare_task's.
  RunEvaluation(const RunConfig& run, const RunBase& base, const RunModel& model,
                const RankGroup& group, bool quiet);

  /// For TrainingJob::evaluate; empty without tasks.
  EvaluateFn while_training();
  /// Base against tuned, at the config's strength. `outcome` says which weights the model holds.
  ComparisonReport compare(const TrainingOutcome& outcome);
  /// The tasks at strength 0, the config's (a line over depth apart), and those of
  /// evaluation.strengths, ascending:
  /// [{"strength", "tasks": [{"task", "original", "metric", "value", "higher_is_better", "loss",
  /// and of an original task "kl"}]}]. After compare.
  Json strengths();

 private:
  using Results = std::vector<TaskResult>;

  Results measure(const std::string& which, const std::function<bool()>& stop = {});
  /// Of the outputs' weights.
  const Results& at_strength(const Strength& strength);
  Json results_json(const Results& results) const;
  std::vector<PreparedTask> original_works() const;
  /// KL(base ‖ model) on each original task, after compare; none without such tasks.
  std::vector<double> divergences_at(const Strength& strength) const;

  const RunConfig& run_;
  const Tokenizer& tokenizer_;
  const RunModel& model_;
  const RankGroup& group_;
  std::vector<PreparedTask> works_;  // the original tasks' first
  std::vector<TokenId> end_tokens_;
  bool quiet_;
  std::optional<Results> base_;              // measured before the first step
  Results latest_;                           // … while training
  std::int64_t latest_step_ = -1;            // and at which step
  std::optional<BaseStates> base_states_;    // likewise, of the original tasks
  std::map<Strength, Results> by_strength_;  // after training
};

}  // namespace expandft
