#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// What was measured of a task, over steps or strengths.
struct TaskLine {
  std::string name;
  bool original = false;
  std::string metric;              // of the scores; empty without any
  std::vector<ChartPoint> losses;  // nats a token; x ascending, each once
  std::vector<ChartPoint> scores;  // of a metric of which more is better; likewise
};

/// Adds tasks, [{"task", "original", "loss", "metric", "value", "higher_is_better"}] at "tasks" of
/// an object, all measured at x. What is no such task is left out; a loss or a score that is no
/// number is NaN.
void add_tasks(std::vector<TaskLine>& lines, const Json& holder, double x);

/// After the last add_tasks: original tasks first, points in order, of points at one x the last;
/// without tasks that have neither losses nor scores.
void put_in_order(std::vector<TaskLine>& lines);

/// A task's line in a chart: solid with filled marks for an original task, dashed with hollow marks
/// for a new one. `tone` is its place among the lines: it is the same in all charts.
ChartSeries series_of(const TaskLine& line, std::size_t tone, std::vector<ChartPoint> points);

/// The changes of tasks (of all, or of original ones alone) against x = 0, and a line at zero;
/// tasks that were not measured at 0 and at another x are left out. Without id and titles.
Chart change_chart(const std::vector<TaskLine>& lines, bool originals_alone);

/// The losses of tasks (of original ones, of new ones) that have any. Without id and titles.
Chart loss_chart(const std::vector<TaskLine>& lines, bool originals, bool news);

/// Scores of tasks, those from 0 to 1 and those up to 100 apart; `id` begins their ids. None of
/// tasks with less than two points.
std::vector<Chart> score_charts(const std::vector<TaskLine>& lines, const std::string& id);

}  // namespace expandft
