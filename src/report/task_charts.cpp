#include "report/task_charts.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using Style = ChartSeries::Style;

constexpr std::size_t kFewestForDetail = 3;  // points of a task

struct TaskLine {
  std::string name;
  bool original = false;
  std::vector<ChartPoint> losses;  // x ascending, each once
};

std::optional<double> number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::size_t count_drawable(const std::vector<ChartPoint>& points) {
  return static_cast<std::size_t>(
      std::ranges::count_if(points, [](const ChartPoint& point) { return is_drawable(point.y); }));
}

/// Adds a list of tasks, all measured at x.
void add_tasks(std::vector<TaskLine>& lines, const Json& holder, double x) {
  const auto tasks = holder.find("tasks");
  if (tasks == holder.end() || !tasks->is_array()) return;
  for (const Json& task : *tasks) {
    if (!task.is_object()) continue;
    const auto name = task.find("task"), original = task.find("original");
    if (name == task.end() || !name->is_string()) continue;
    const bool is_original = original != task.end() && *original == Json(true);
    const std::string text = name->get<std::string>();
    auto line = std::ranges::find_if(lines, [&](const TaskLine& known) {
      return known.name == text && known.original == is_original;
    });
    if (line == lines.end()) line = lines.insert(line, {text, is_original, {}});
    const double loss = number_at(task, "loss").value_or(std::numeric_limits<double>::quiet_NaN());
    line->losses.push_back({x, loss});
  }
}

/// Original tasks first, points in order; of points at one x the last counts.
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
  return {line.name, line.original ? Style::kSolid : Style::kDashed, std::move(points), tone,
          line.original ? "Original tasks" : "New tasks"};
}

/// The changes against x = 0; nothing for a task that was not measured there.
std::vector<ChartPoint> changes_of(const TaskLine& line) {
  std::vector<ChartPoint> points = line.losses;
  const auto base = std::ranges::find(points, 0.0, &ChartPoint::x);
  if (base == points.end() || !is_drawable(base->y)) return {};
  const double before = base->y;
  for (ChartPoint& point : points) point.y -= before;
  return points;
}

/// The changes of the tasks that were measured at x = 0.
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

Chart step_changes(const std::vector<TaskLine>& lines, bool originals_alone) {
  Chart chart = change_chart(lines, originals_alone);
  chart.id = originals_alone ? "forgetting" : "skill-and-forgetting";
  chart.title = originals_alone ? "Forgetting: original tasks alone" : "Skill and forgetting";
  chart.unit = "change of loss since step 0, nats a token";
  return chart;
}

/// Of the original or the new tasks.
Chart loss_chart(const std::vector<TaskLine>& lines, bool original) {
  Chart chart{.id = original ? "original-tasks" : "new-tasks",
              .title = original ? "Loss of original tasks" : "Loss of new tasks",
              .unit = "nats a token"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].original == original) {
      chart.series.push_back(series_of(lines[i], i, lines[i].losses));
    }
  }
  return chart;
}

/// What one kind of task shows on a scale of its own; the title says the kind, the legend need not.
/// Forgetting is small beside both what was learned and the losses of different texts.
Chart detail_chart(const std::vector<TaskLine>& lines, bool original) {
  Chart chart;
  if (original) chart = step_changes(lines, true);
  if (chart.series.empty()) chart = loss_chart(lines, original);
  std::size_t most = 0;
  for (ChartSeries& series : chart.series) {
    most = std::max(most, count_drawable(series.points));
    series.group.clear();
  }
  if (most < kFewestForDetail) chart.series.clear();
  return chart;
}

std::optional<double> mean_loss_at(const std::vector<TaskLine>& lines, bool original, double x) {
  double sum = 0;
  int count = 0;
  for (const TaskLine& line : lines) {
    if (line.original != original) continue;
    const auto point = std::ranges::find(line.losses, x, &ChartPoint::x);
    if (point == line.losses.end() || !is_drawable(point->y)) return std::nullopt;
    sum += point->y;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

/// `own`: NaN where there is none to be marked.
Chart strength_curve(const std::vector<TaskLine>& lines, double own) {
  Chart chart = change_chart(lines, false);
  chart.unit = "change of loss against the base, nats a token";
  if (chart.series.empty()) {
    chart.lines.clear();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      chart.series.push_back(series_of(lines[i], i, lines[i].losses));
    }
    chart.unit = "loss, nats a token";
  }
  chart.id = "strength-curve";
  chart.title = "Strength curve";
  chart.x_name = "strength";
  chart.whole_x = false;
  chart.x_covers = {0, 1};
  if (is_drawable(own)) chart.lines.push_back({own, fmt::format("this run: {:.3g}", own), true});
  return chart;
}

Chart trade_off(const std::vector<TaskLine>& lines, const std::vector<double>& strengths,
                double own) {
  ChartSeries all{"strength", Style::kMain, {}}, ring{"", Style::kRing, {}};
  for (const double strength : strengths) {
    const std::optional<double> kept = mean_loss_at(lines, true, strength),
                                learned = mean_loss_at(lines, false, strength);
    if (!kept || !learned) continue;
    const bool is_own = own == strength;
    const std::string_view note = is_own ? " (this run)" : strength == 0 ? " (base)" : "";
    if (is_own) ring.points.push_back({*kept, *learned});
    all.points.push_back({*kept, *learned, fmt::format("{:.3g}{}", strength, note)});
  }
  Chart chart{.id = "trade-off",
              .title = "Skill against forgetting",
              .unit = "mean loss of new tasks (lower: learned)",
              .x_name = "mean loss of original tasks (further right: forgotten)",
              .series = {},
              .whole_x = false};
  if (all.points.size() < 2) return chart;
  chart.series = {std::move(all)};
  if (!ring.points.empty()) chart.series.push_back(std::move(ring));
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
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

std::vector<Chart> strength_charts(const Json& strengths, std::optional<double> own) {
  std::vector<TaskLine> lines;
  std::vector<double> measured;
  if (!strengths.is_array()) return {};
  for (const Json& entry : strengths) {
    if (!entry.is_object()) continue;
    const std::optional<double> strength = number_at(entry, "strength");
    if (!strength || !is_drawable(*strength)) continue;
    measured.push_back(*strength);
    add_tasks(lines, entry, *strength);
  }
  std::ranges::sort(measured);
  const auto repeated = std::ranges::unique(measured);
  measured.erase(repeated.begin(), repeated.end());
  put_in_order(lines);
  if (measured.size() < 2 || lines.empty()) return {};
  const double marked = own.value_or(std::numeric_limits<double>::quiet_NaN());
  std::vector<Chart> charts = {strength_curve(lines, marked), trade_off(lines, measured, marked)};
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace expandft
