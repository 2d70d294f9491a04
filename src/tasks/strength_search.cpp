#include "tasks/strength_search.h"

#include "report/human.h"
#include "report/table.h"
#include "tasks/result_tables.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace expandft {

StrengthSearch find_strength(const std::function<std::vector<TaskResult>(double)>& evaluate_at,
                             const DropBudgets& budgets) {
  const std::vector<TaskResult> base = evaluate_at(0);
  StrengthSearch search;
  const auto try_strength = [&](double strength, const std::vector<TaskResult>& results) {
    ComparisonReport report = compare_tasks(base, results, base.size(), budgets);
    StrengthPoint point{.strength = strength, .within_budget = report.within_budget()};
    point.tasks = std::move(report.originals);
    search.curve.push_back(point);
    if (point.within_budget) search.strength = std::max(search.strength, strength);
    return point.within_budget;
  };
  try_strength(0, base);
  double over = 0;  // the smallest strength above the one found that exceeds the budget
  for (int tenth = 10; tenth > 0; --tenth) {
    const double strength = tenth / 10.0;
    if (try_strength(strength, evaluate_at(strength))) break;
    over = strength;
  }
  while (over - search.strength > kStrengthResolution) {
    // In hundredths: tables show two decimals.
    const double middle = std::round(50 * (search.strength + over)) / 100;
    if (middle <= search.strength || middle >= over) break;
    if (!try_strength(middle, evaluate_at(middle))) over = middle;
  }
  std::ranges::sort(search.curve, {}, &StrengthPoint::strength);
  return search;
}

std::string strength_table(const StrengthSearch& search, const std::string& what) {
  using enum Table::Align;
  std::vector<std::string> head{what};
  std::vector<Table::Align> align{kRight};
  for (const Comparison& task : search.curve.front().tasks) {
    head.insert(head.end(), {task.task + " " + task.judged().name, "change"});
    align.insert(align.end(), {kRight, kRight});
  }
  head.emplace_back("budget");
  align.push_back(kLeft);
  Table table(head, align);
  for (const StrengthPoint& point : search.curve) {
    std::vector<std::string> row{fixed(point.strength, 2)};
    for (const Comparison& task : point.tasks) {
      const MetricComparison& judged = task.judged();
      row.push_back(metric_text(judged.kind, judged.tuned));
      row.push_back(signed_fixed(100 * judged.relative_change.value_or(0), 2) + "%");
    }
    row.emplace_back(point.strength == search.strength ? "kept: taken"
                     : point.within_budget             ? "kept"
                                                       : "exceeded");
    table.row(row);
  }
  return table.text();
}

Json strength_json(const StrengthSearch& search, const std::string& what) {
  Json curve = Json::array();
  for (const StrengthPoint& point : search.curve) {
    Json tasks = Json::array();
    for (const Comparison& task : point.tasks) {
      const MetricComparison& judged = task.judged();
      tasks.push_back({{"task", task.task},
                       {judged.name, judged.tuned},
                       {"relative_change", judged.relative_change.value_or(0)}});
    }
    curve.push_back(
        {{what, point.strength}, {"within_budget", point.within_budget}, {"tasks", tasks}});
  }
  return curve;
}

}  // namespace expandft
