#pragma once

#include "base/json.h"
#include "report/chart.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The losses of a task (nats a token), over steps or strengths.
struct TaskLine {
  std::string name;
  bool original = false;
  std::vector<ChartPoint> losses;  // x ascending, each once
};

/// Adds tasks, [{"task", "original", "loss"}] at "tasks" of an object, all measured at x. What is
/// no such task is left out; a loss that is no number is NaN.
void add_tasks(std::vector<TaskLine>& lines, const Json& holder, double x);

/// After the last add_tasks: original tasks first, points in order, of points at one x the last;
/// without tasks that have no loss.
void put_in_order(std::vector<TaskLine>& lines);

/// A task's line in a chart: solid with filled marks for an original task, dashed with hollow marks
/// for a new one. `tone` is its place among the lines: it is the same in all charts.
ChartSeries series_of(const TaskLine& line, std::size_t tone, std::vector<ChartPoint> points);

/// The changes of tasks (of all, or of original ones alone) against x = 0, and a line at zero;
/// tasks that were not measured at 0 and at another x are left out. Without id and titles.
Chart change_chart(const std::vector<TaskLine>& lines, bool originals_alone);

/// The number at a key; none where there is none.
std::optional<double> number_at(const Json& json, const char* key);

}  // namespace expandft
