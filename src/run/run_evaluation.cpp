#include "run/run_evaluation.h"

#include "base/error.h"
#include "config/task_search.h"
#include "evaluation/divergence.h"
#include "report/progress.h"
#include "run/open_model.h"
#include "tasks/result_tables.h"

#include <set>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// Sets a strength, and the whole one again when it goes.
class AtStrength {
 public:
  AtStrength(const Adaptation& adaptation, const Strength& strength) : adaptation_(adaptation) {
    adaptation_.set_strength(strength);
  }
  ~AtStrength() { adaptation_.set_strength(1); }
  AtStrength(const AtStrength&) = delete;
  AtStrength& operator=(const AtStrength&) = delete;

 private:
  const Adaptation& adaptation_;
};

/// Thrown out of a task that a signal ends.
struct Stopped {};

}  // namespace

RunEvaluation::RunEvaluation(const RunConfig& run, const RunBase& base, const RunModel& model,
                             const RankGroup& group, bool quiet)
    : run_(run),
      tokenizer_(*base.tokenizer),
      model_(model),
      group_(group),
      end_tokens_(end_tokens(base.directory, tokenizer_)),
      quiet_(quiet) {
  const EvaluationConfig& evaluation = run.evaluation;
  std::vector<std::string> names = evaluation.original_tasks;
  names.insert(names.end(), evaluation.tasks.begin(), evaluation.tasks.end());
  works_ = prepare_tasks(find_tasks(names, run.file.parent_path(), evaluation.task_data),
                         tokenizer_, base.spec.max_positions);
}

RunEvaluation::Results RunEvaluation::measure(const std::string& which,
                                              const std::function<bool()>& stop) {
  ProgressLine progress(quiet_);
  if (!stop && !works_.empty()) spdlog::info("evaluating the tasks: {}", which);
  Results results;
  for (const PreparedTask& work : works_) {
    results.push_back(evaluate(model_.decoder, tokenizer_, work,
                               {.end_tokens = end_tokens_,
                                .progress =
                                    [&](const EvaluationProgress& p) {
                                      if (stop && stop()) throw Stopped();
                                      progress.counting(
                                          "evaluating " + work.task.name + ", " + which, p.done,
                                          p.total, p.seconds_left);
                                    },
                                .group = group_}));
  }
  progress.clear();
  return results;
}

EvaluateFn RunEvaluation::while_training() {
  if (works_.empty()) return {};
  return [this](std::int64_t step, const std::function<bool()>& stop) -> std::optional<Json> {
    Results results;
    try {
      results = measure(step == 0 ? "base" : fmt::format("step {}", step), stop);
    } catch (const Stopped&) {
      return {};
    } catch (const Error& error) {
      if (error.code() != ExitCode::kFailed) throw;
      // A model that gives no number: the next step tells whether training has diverged.
      spdlog::warn("step {:>5}: the tasks are not measured: {}", step, error.message());
      return {};
    }
    for (const TaskResult& result : results) {
      spdlog::info("step {:>5}: {} {}", step, result.task.name, result_text(result));
    }
    Json values = {{"tasks", results_json(results)}};
    if (step == 0) {
      base_ = std::move(results);
    } else {
      latest_ = std::move(results);
      latest_step_ = step;
    }
    return values;
  };
}

std::vector<PreparedTask> RunEvaluation::original_works() const {
  const auto count = static_cast<std::ptrdiff_t>(run_.evaluation.original_tasks.size());
  return {works_.begin(), works_.begin() + count};
}

ComparisonReport RunEvaluation::compare(const TrainingOutcome& outcome) {
  if (base_) by_strength_[0] = std::move(*base_);
  if (latest_step_ == outcome.output_step) by_strength_[1] = std::move(latest_);
  const EvaluationConfig& evaluation = run_.evaluation;
  const Strength& own = run_.strength;
  ComparisonReport report = compare_tasks(at_strength(0), at_strength(own),
                                          evaluation.original_tasks.size(), evaluation.max_drop);
  if (report.originals.empty()) return report;
  spdlog::info("comparing the predictions with the base's");
  {
    const AtStrength base(model_.adaptation(), 0);
    base_states_.emplace(model_.decoder, original_works());
  }
  add_divergences(divergences_at(own), report);
  return report;
}

std::vector<double> RunEvaluation::divergences_at(const Strength& strength) const {
  if (!base_states_) return {};
  const AtStrength set(model_.adaptation(), strength);
  return base_states_->divergences(model_.decoder);
}

Json RunEvaluation::strengths() {
  Json curve = Json::array();
  if (works_.empty()) return curve;
  std::set<double> strengths = {0};
  const Strength& own = run_.strength;
  if (const auto everywhere = own.everywhere()) strengths.insert(*everywhere);
  for (const double strength : run_.evaluation.strengths) strengths.insert(strength);
  for (const double strength : strengths) {
    Json tasks = results_json(at_strength(strength));
    const std::vector<double> divergences = divergences_at(strength);
    for (std::size_t i = 0; i < divergences.size(); ++i) tasks[i]["kl"] = divergences[i];
    curve.push_back({{"strength", strength}, {"tasks", std::move(tasks)}});
  }
  return curve;
}

const RunEvaluation::Results& RunEvaluation::at_strength(const Strength& strength) {
  const auto found = by_strength_.find(strength);
  if (found != by_strength_.end()) return found->second;
  const AtStrength set(model_.adaptation(), strength);
  Results results = measure(strength == Strength(0)   ? "base"
                            : strength == Strength(1) ? "tuned"
                                                      : "at strength " + strength.text());
  return by_strength_[strength] = std::move(results);
}

Json RunEvaluation::results_json(const Results& results) const {
  Json tasks = Json::array();
  const std::size_t originals = run_.evaluation.original_tasks.size();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const MetricResult& judged = results[i].judged();
    const std::optional<double> loss = results[i].loss();
    tasks.push_back({{"task", results[i].task.name},
                     {"original", i < originals},
                     {"metric", judged.name},
                     {"value", judged.value()},
                     {"higher_is_better", judged.higher_is_better},
                     {"loss", loss ? Json(*loss) : Json()}});
  }
  return tasks;
}

}  // namespace expandft
