#include "report/task_lines.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace expandft {
namespace {

/// The changes against x = 0; nothing for a task that was not measured there.
std::vector<ChartPoint> changes_of(const TaskLine& line) {
  std::vector<ChartPoint> points = line.losses;
  const auto base = std::ranges::find(points, 0.0, &ChartPoint::x);
  if (base == points.end() || !is_drawable(base->y)) return {};
  const double before = base->y;
  for (ChartPoint& point : points) point.y -= before;
  return points;
}

}  // namespace

std::optional<double> number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

void add_tasks(std::vector<TaskLine>& lines, const Json& holder, double x) {
  const auto tasks = holder.find("tasks");
  if (tasks == holder.end() || !tasks->is_array()) return;
  for (const Json& task : *tasks) {
    if (!task.is_object()) continue;
    const auto name = task.find("task"), original = task.find("original");
    const auto* text = name != task.end() ? name->get_ptr<const std::string*>() : nullptr;
    if (text == nullptr) continue;
    const bool is_original = original != task.end() && *original == Json(true);
    auto line = std::ranges::find_if(lines, [&](const TaskLine& known) {
      return known.name == *text && known.original == is_original;
    });
    if (line == lines.end()) line = lines.insert(line, {*text, is_original, {}});
    const double loss = number_at(task, "loss").value_or(std::numeric_limits<double>::quiet_NaN());
    line->losses.push_back({x, loss});
  }
}

void put_in_order(std::vector<TaskLine>& lines) {
  std::erase_if(lines, [](const TaskLine& line) { return count_drawable(line.losses) == 0; });
  std::ranges::stable_partition(lines, &TaskLine::original);
  for (TaskLine& line : lines) {
    std::ranges::stable_sort(line.losses, {}, &ChartPoint::x);
    std::vector<ChartPoint> once;
    for (ChartPoint& point : line.losses) {
      if (!once.empty() && once.back().x == point.x) once.pop_back();
      once.push_back(std::move(point));
    }
    line.losses = std::move(once);
  }
}

ChartSeries series_of(const TaskLine& line, std::size_t tone, std::vector<ChartPoint> points) {
  using enum ChartSeries::Style;
  return {line.name, line.original ? kSolid : kDashed, std::move(points), tone,
          line.original ? "Original tasks" : "New tasks"};
}

Chart change_chart(const std::vector<TaskLine>& lines, bool originals_alone) {
  Chart chart;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (originals_alone && !lines[i].original) continue;
    std::vector<ChartPoint> points = changes_of(lines[i]);
    if (count_drawable(points) >= 2) {
      chart.series.push_back(series_of(lines[i], i, std::move(points)));
    }
  }
  chart.lines.push_back({0, "as the base", false});
  return chart;
}

}  // namespace expandft
