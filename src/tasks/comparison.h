#pragma once

#include "base/error.h"
#include "config/drop_budget.h"
#include "tasks/result.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// How a tuned model did on a task.
enum class Verdict {
  kWithinBudget,  // the task has a budget and the model keeps it
  kOverBudget,    // the task has a budget and the model exceeds it
  kSame,          // no budget: the difference is within two standard errors
  kBetter,        // no budget: beyond two standard errors, either way
  kWorse,
};
/// "within budget", "over budget", "same", "better", "worse".
std::string verdict_text(Verdict verdict);

/// One metric of a tuned model against its base's, over the same examples.
struct MetricComparison {
  std::string name;
  MetricKind kind = MetricKind::kMean;
  bool higher_is_better = false;
  double base = 0, tuned = 0;
  double difference = 0;                  // tuned - base; kPerplexity: of the logarithms, nats
  std::optional<double> standard_error;   // of the difference, paired; none for one example
  std::optional<double> relative_change;  // of the value: 0.01 is a rise by 1%; none if base is 0
  std::optional<double> p_value;  // of no difference: McNemar's test for right and wrong answers,
                                  // paired bootstrap for kBleu and kChrf
};

/// How much worse a tuned model is; negative if it is better.
struct Drop {
  double absolute = 0;  // in the metric's unit
  double relative = 0;  // fraction of the base's value
};

/// How answers changed.
struct Flips {
  std::int64_t answers = 0;
  std::int64_t changed = 0;           // another choice or text
  std::int64_t lost = 0, gained = 0;  // right before and wrong now; wrong before and right now
};

/// A tuned model against its base on one task. docs/evaluation.md has the formulas.
struct Comparison {
  std::string task;
  TaskType type = TaskType::kPerplexity;
  std::int64_t examples = 0, tokens = 0, truncated = 0;
  std::vector<MetricComparison> metrics;  // the first is judged
  Drop drop;                              // of the judged metric
  std::string unit = {};                  // of that metric and of an absolute budget
  std::optional<DropBudget> budget;
  Verdict verdict = Verdict::kSame;
  std::optional<Flips> flips;        // if the judged metric counts right answers
  std::optional<double> divergence;  // KL(base ‖ tuned), nats per token; if measured

  const MetricComparison& judged() const { return metrics.front(); }
};

/// Compares two results of the same task, paired by example. Input error if the models cut a text
/// into different tokens.
Comparison compare(const TaskResult& base, const TaskResult& tuned,
                   const std::optional<DropBudget>& budget = {});

/// Whether the models answer an example differently: another choice, or another text.
bool is_answer_changed(const TaskResult& base, const TaskResult& tuned, std::size_t example);

/// Forgetting over all original tasks.
struct Forgetting {
  double mean_drop = 0;    // of the relative drops
  std::string worst_task;  // has the largest relative drop
  double worst_drop = 0;
  std::optional<double> flipped;     // lost and gained, as a fraction of all answers
  std::optional<double> divergence;  // mean over the tasks for which it was measured
};

/// Base against tuned model: original tasks with a verdict, new tasks without. Either may be empty.
struct ComparisonReport {
  std::vector<Comparison> originals, news;
  DropBudgets budgets;
  std::optional<Forgetting> forgetting;  // with original tasks

  /// All budgets, with units.
  std::string budgets_text() const;
  /// Whether each task and the mean keep their budgets.
  bool within_budget() const;
};

/// Compares task by task. The first `originals` tasks are the original ones, which have budgets.
ComparisonReport compare_tasks(const std::vector<TaskResult>& base,
                               const std::vector<TaskResult>& tuned, std::size_t originals,
                               const DropBudgets& budgets);
/// Adds the divergences of the original tasks, in order, which are measured separately.
void add_divergences(const std::vector<double>& divergences, ComparisonReport& report);

/// What a comparison's results call its models.
struct ComparedModels {
  std::string base, tuned;
  std::string strength = {};  // of the tuned one; "" if unknown
};

/// An error with exit code 3 that names each task over its budget; none if all budgets are kept.
std::optional<Error> budget_error(const ComparisonReport& report);

}  // namespace expandft
