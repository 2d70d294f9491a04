#include "cli/run_evaluation.h"

#include "base/error.h"
#include "report/progress.h"

#include <set>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// Thrown out of a task that a signal ends.
struct Stopped {};

}  // namespace

std::vector<TaskConfig> run_tasks(const RunConfig& run) {
  const EvaluationConfig& evaluation = run.evaluation;
  std::vector<std::string> names = evaluation.original_tasks;
  names.insert(names.end(), evaluation.tasks.begin(), evaluation.tasks.end());
  return find_tasks(names, run.file.parent_path());
}

RunEvaluation::RunEvaluation(TrainSetup& setup, bool quiet)
    : setup_(setup), tasks_(run_tasks(setup.run())), quiet_(quiet) {}

RunEvaluation::Results RunEvaluation::measure(const std::string& which,
                                              const std::function<bool()>& stop) {
  ProgressLine progress(quiet_);
  Results results;
  for (const TaskConfig& task : tasks_) {
    results.push_back(evaluate(
        setup_.decoder, *setup_.tokenizer, task, [&](std::int64_t done, std::int64_t total) {
          if (stop && stop()) throw Stopped();
          progress.counting("evaluating " + task.name + ", " + which, done, total);
        }));
  }
  progress.clear();
  return results;
}

EvaluateFn RunEvaluation::while_training() {
  if (tasks_.empty()) return {};
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
      spdlog::info("step {:>5}: {} {:.4f} nats a token", step, result.task.name, result.loss());
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

ComparisonReport RunEvaluation::compare(const TrainingOutcome& outcome) {
  if (base_) by_strength_[{0, 0}] = std::move(*base_);
  if (latest_step_ == outcome.output_step) by_strength_[{1, 1}] = std::move(latest_);
  const EvaluationConfig& evaluation = setup_.run().evaluation;
  return compare_tasks(at_strength(0), at_strength(setup_.run().strength),
                       evaluation.original_tasks.size(), evaluation.max_drop);
}

Json RunEvaluation::strengths() {
  Json curve = Json::array();
  if (tasks_.empty()) return curve;
  std::set<double> strengths = {0};
  const Strength& own = setup_.run().strength;
  if (own.first == own.last) strengths.insert(own.first);
  for (const double strength : setup_.run().evaluation.strengths) strengths.insert(strength);
  for (const double strength : strengths) {
    curve.push_back({{"strength", strength}, {"tasks", results_json(at_strength(strength))}});
  }
  return curve;
}

const RunEvaluation::Results& RunEvaluation::at_strength(const Strength& strength) {
  const std::pair key(strength.first, strength.last);
  const auto found = by_strength_.find(key);
  if (found != by_strength_.end()) return found->second;
  setup_.adaptation().set_strength(strength);
  Results results = measure(strength == Strength(0)   ? "base"
                            : strength == Strength(1) ? "tuned"
                                                      : "at strength " + strength_text(strength));
  setup_.adaptation().set_strength(1);
  return by_strength_[key] = std::move(results);
}

Json RunEvaluation::results_json(const Results& results) const {
  Json tasks = Json::array();
  const std::size_t originals = setup_.run().evaluation.original_tasks.size();
  for (std::size_t i = 0; i < results.size(); ++i) {
    tasks.push_back({{"task", results[i].task.name},
                     {"original", i < originals},
                     {"loss", results[i].loss()},
                     {"perplexity", results[i].perplexity()}});
  }
  return tasks;
}

}  // namespace expandft
