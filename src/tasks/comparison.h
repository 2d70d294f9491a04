#pragma once

#include "base/error.h"
#include "config/drop_budget.h"
#include "tasks/result.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What is said of a tuned model on a task.
enum class Verdict {
  kWithinBudget,  // a budget is set, and kept
  kOverBudget,    // a budget is set, and exceeded
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
  double difference = 0;                  // tuned - base; of kPerplexity: of the logarithms, nats
  std::optional<double> standard_error;   // of the difference, paired; none for one example
  std::optional<double> relative_change;  // of the value: 0.01 is a rise by 1%; none from 0
  std::optional<double> p_value;  // that both are alike: McNemar's test of right and wrong answers,
                                  // paired bootstrap of kBleu and kChrf
};

/// How much worse a tuned model is: below 0 when it is better.
struct Drop {
  double absolute = 0;  // in the metric's unit
  double relative = 0;  // share of the base's value
};

/// How answers changed.
struct Flips {
  std::int64_t answers = 0;
  std::int64_t changed = 0;           // other choice, or other text
  std::int64_t lost = 0, gained = 0;  // right before and wrong now; the other way round
};

/// A tuned model against its base on one task. docs/evaluation.md has the formulas.
struct Comparison {
  std::string task;
  TaskType type = TaskType::kPerplexity;
  std::int64_t examples = 0, tokens = 0, truncated = 0;
  std::vector<MetricComparison> metrics;  // the first is judged
  Drop drop;                              // of the judged metric
  std::string unit = {};                  // of that metric, and of a budget that is no percentage
  std::optional<DropBudget> budget;
  Verdict verdict = Verdict::kSame;
  std::optional<Flips> flips;        // where the judged metric is of right and wrong answers
  std::optional<double> divergence;  // KL(base ‖ tuned), nats a token; where it was measured

  const MetricComparison& judged() const { return metrics.front(); }
};

/// Compares two results of the same task, paired by example. Input error when the models cut a
/// text into different tokens.
Comparison compare(const TaskResult& base, const TaskResult& tuned,
                   const std::optional<DropBudget>& budget = {});

/// Whether the models answer an example differently: another choice, or another text.
bool is_answer_changed(const TaskResult& base, const TaskResult& tuned, std::size_t example);

/// What was forgotten over all original tasks.
struct Forgetting {
  double mean_drop = 0;    // of the relative drops
  std::string worst_task;  // the one with the largest relative drop
  double worst_drop = 0;
  std::optional<double> flipped;     // lost and gained, of all answers
  std::optional<double> divergence;  // mean over the tasks where it was measured
};

/// Base against tuned: original tasks with a verdict, and new tasks, which have none. Either may be
/// empty.
struct ComparisonReport {
  std::vector<Comparison> originals, news;
  DropBudgets budgets;
  std::optional<Forgetting> forgetting;  // with original tasks

  /// All budgets, with units.
  std::string budgets_text() const;
  /// Whether every task and the mean keep their budgets.
  bool within_budget() const;
};

/// Compares task by task. The first `originals` tasks are the original ones, which the budgets hold
/// for.
ComparisonReport compare_tasks(const std::vector<TaskResult>& base,
                               const std::vector<TaskResult>& tuned, std::size_t originals,
                               const DropBudgets& budgets);
/// Takes in divergences that were measured apart, of the original tasks in order.
void add_divergences(const std::vector<double>& divergences, ComparisonReport& report);

/// What the results of a comparison call its models.
struct ComparedModels {
  std::string base, tuned;
  std::string strength = {};  // of the tuned one; "": it does not say
};

/// An exit-code-3 error that names every task over its budget; none when all keep it.
std::optional<Error> budget_error(const ComparisonReport& report);

}  // namespace expandft
