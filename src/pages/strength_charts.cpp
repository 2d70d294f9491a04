#include "pages/strength_charts.h"

#include "pages/task_lines.h"
#include "report/json_values.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using Style = ChartSeries::Style;

std::optional<double> mean_loss_at(const std::vector<TaskLine>& lines, bool original, double x) {
  double sum = 0;
  int count = 0;
  for (const TaskLine& line : lines) {
    if (line.original != original || count_drawable(line.losses) == 0) continue;
    const auto point = std::ranges::find(line.losses, x, &ChartPoint::x);
    if (point == line.losses.end() || !is_drawable(point->y)) return std::nullopt;
    sum += point->y;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

/// `own`: NaN where there is none to be marked.
void mark_own(Chart& chart, double own) {
  if (is_drawable(own)) chart.lines.push_back({own, fmt::format("this run: {:.3g}", own), true});
}

Chart strength_curve(const std::vector<TaskLine>& lines, double own) {
  Chart chart = change_chart(lines, false);
  chart.unit = "change of loss against the base, nats a token";
  if (chart.series.empty()) {
    chart = loss_chart(lines, true, true);
    chart.unit = "loss, nats a token";
  }
  chart.id = "strength-curve";
  chart.title = "Strength curve";
  chart.x_name = "strength";
  chart.whole_x = false;
  chart.x_covers = {0, 1};
  mark_own(chart, own);
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
  for (Chart& chart : score_charts(lines, "strength-scores")) {
    chart.x_name = "strength";
    chart.whole_x = false;
    chart.x_covers = {0, 1};
    mark_own(chart, marked);
    charts.push_back(std::move(chart));
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace expandft
