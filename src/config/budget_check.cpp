#include "config/budget_check.h"

#include "base/numbers.h"
#include "config/drop_budget.h"
#include "config/task_metrics.h"

#include <algorithm>

namespace expandft {
namespace {

/// What a judged metric can fall by at most; none where it can get worse without end.
std::optional<double> largest_drop(const TaskConfig& task) {
  return metric_maximum(judged_metric(task).metric);
}

std::string add_to_list(const std::string& list, const std::string& name) {
  return list.empty() ? name : list + ", " + name;
}

/// "0.02 or 2%" for 2 of what ends at 1.
std::string likely_meant(double amount, double maximum) {
  const double share = amount / 100;
  if (maximum == 1 && share < 1) return shortest_text(share) + " or " + shortest_text(amount) + "%";
  return "a number below " + shortest_text(maximum) + " or a percentage";
}

}  // namespace

std::optional<std::string> budget_problem(const DropBudgets& budgets,
                                          const std::vector<TaskConfig>& originals) {
  std::vector<std::string> names;
  for (const TaskConfig& task : originals) names.push_back(task.name);
  if (auto unknown = unknown_budget(budgets, names)) return unknown;
  for (const TaskConfig& task : originals) {
    const std::optional<DropBudget> budget = budgets.of(task.name);
    const std::optional<double> most = largest_drop(task);
    if (!budget || budget->relative || !most || budget->amount < *most) continue;
    const MetricConfig metric = judged_metric(task);
    return "a budget of " + budget_text(*budget, metric_unit(metric.metric)) +
           " can never be exceeded: " + metric.name + " of " + task.name + " ranges from 0 to " +
           shortest_text(*most) + "; write " + likely_meant(budget->amount, *most);
  }
  return std::nullopt;
}

Notices budget_notices(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                       const std::string& where) {
  constexpr double kWhole = 100;
  std::string tasks;
  for (const TaskConfig& task : originals) {
    const std::optional<DropBudget> budget = budgets.of(task.name);
    if (budget && budget->relative && budget->amount >= kWhole && largest_drop(task))
      tasks = add_to_list(tasks, task.name);
  }
  const bool all_end = std::ranges::all_of(
      originals, [](const TaskConfig& task) { return largest_drop(task).has_value(); });
  if (budgets.mean && budgets.mean->amount >= kWhole && all_end && !originals.empty())
    tasks = add_to_list(tasks, "the mean");
  if (tasks.empty()) return {};
  return {{.what = "a budget of 100% or more is never exceeded by " + tasks +
                   ", which can only fall to 0",
           .where = where,
           .hint = "write a smaller percentage"}};
}

}  // namespace expandft
