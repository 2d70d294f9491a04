#include "pages/task_charts.h"

#include "pages/task_lines.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace expandft {
namespace {

constexpr std::size_t kFewestForDetail = 3;  // points of a task

Chart step_changes(const std::vector<TaskLine>& lines, bool originals_alone) {
  Chart chart = change_chart(lines, originals_alone);
  chart.id = originals_alone ? "forgetting" : "skill-and-forgetting";
  chart.title = originals_alone ? "Forgetting: original tasks alone" : "Skill and forgetting";
  chart.unit = "change of loss since step 0, nats a token";
  return chart;
}

Chart losses_over_steps(const std::vector<TaskLine>& lines, bool original) {
  Chart chart = loss_chart(lines, original, !original);
  chart.id = original ? "original-tasks" : "new-tasks";
  chart.title = original ? "Loss of original tasks" : "Loss of new tasks";
  chart.unit = "nats a token";
  return chart;
}

/// What one kind of task shows on a scale of its own; the title says the kind, the legend need not.
/// Forgetting is small beside both what was learned and the losses of different texts.
Chart detail_chart(const std::vector<TaskLine>& lines, bool original) {
  Chart chart;
  if (original) chart = step_changes(lines, true);
  if (chart.series.empty()) chart = losses_over_steps(lines, original);
  std::size_t most = 0;
  for (ChartSeries& series : chart.series) {
    most = std::max(most, count_drawable(series.points));
    series.group.clear();
  }
  if (most < kFewestForDetail) chart.series.clear();
  return chart;
}

}  // namespace

std::vector<Chart> task_charts(const std::vector<Json>& events) {
  std::vector<TaskLine> lines;
  for (const Json& event : events) {
    if (!event.is_object() || event.value("event", Json()) != Json("evaluation")) continue;
    const auto step = event.find("step");
    if (step == event.end() || !step->is_number_integer()) continue;
    add_tasks(lines, event, static_cast<double>(step->get<std::int64_t>()));
  }
  put_in_order(lines);
  std::vector<Chart> charts = {step_changes(lines, false), detail_chart(lines, true),
                               detail_chart(lines, false)};
  for (Chart& chart : score_charts(lines, "scores")) charts.push_back(std::move(chart));
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace expandft
