#include "pages/task_lines.h"

#include "report/json_values.h"

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

/// x ascending, each once.
void put_in_order(std::vector<ChartPoint>& points) {
  std::ranges::stable_sort(points, {}, &ChartPoint::x);
  std::vector<ChartPoint> once;
  for (ChartPoint& point : points) {
    if (!once.empty() && once.back().x == point.x) once.pop_back();
    once.push_back(std::move(point));
  }
  points = std::move(once);
}

double number_or_nan(const Json& json, const char* key) {
  return number_at(json, key).value_or(std::numeric_limits<double>::quiet_NaN());
}

bool has_drawable(const std::vector<ChartPoint>& points) {
  return count_drawable(points) > 0;
}

/// Whether scores are of 100, as BLEU and chrF are.
bool is_of_hundred(const TaskLine& line) {
  return std::ranges::any_of(line.scores, [](const ChartPoint& point) { return point.y > 1; });
}

Chart score_chart(const std::vector<TaskLine>& lines, bool of_hundred) {
  Chart chart;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const TaskLine& line = lines[i];
    if (count_drawable(line.scores) < 2 || is_of_hundred(line) != of_hundred) continue;
    chart.series.push_back(series_of(line, i, line.scores));
    if (!line.metric.empty()) chart.series.back().name += " (" + line.metric + ")";
  }
  return chart;
}

}  // namespace

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
    if (line == lines.end()) line = lines.insert(line, {*text, is_original, {}, {}, {}});
    line->losses.push_back({x, number_or_nan(task, "loss")});
    if (task.value("higher_is_better", Json()) != Json(true)) continue;
    line->metric = text_at(task, "metric");
    line->scores.push_back({x, number_or_nan(task, "value")});
  }
}

void put_in_order(std::vector<TaskLine>& lines) {
  std::erase_if(lines, [](const TaskLine& line) {
    return !has_drawable(line.losses) && !has_drawable(line.scores);
  });
  std::ranges::stable_partition(lines, &TaskLine::original);
  for (TaskLine& line : lines) {
    put_in_order(line.losses);
    put_in_order(line.scores);
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

Chart loss_chart(const std::vector<TaskLine>& lines, bool originals, bool news) {
  Chart chart;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!(lines[i].original ? originals : news) || !has_drawable(lines[i].losses)) continue;
    chart.series.push_back(series_of(lines[i], i, lines[i].losses));
  }
  return chart;
}

std::vector<Chart> score_charts(const std::vector<TaskLine>& lines, const std::string& id) {
  Chart shares = score_chart(lines, false), hundreds = score_chart(lines, true);
  shares.id = id;
  shares.title = "Scores";
  shares.unit = "of 1, higher is better";
  hundreds.id = id + "-of-100";
  hundreds.title = shares.series.empty() ? "Scores" : "Scores of 100";
  hundreds.unit = "of 100, higher is better";
  std::vector<Chart> charts = {std::move(shares), std::move(hundreds)};
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace expandft
