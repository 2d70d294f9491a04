#include "pages/chart.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <spdlog/fmt/fmt.h>

namespace expandft {

bool is_drawable(double y) {
  return std::abs(y) < 1e100;  // false for NaN
}

std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t most) {
  if (points.size() <= most) return points;
  const std::size_t inner = points.size() - 2, buckets = (most - 2) / 3;
  std::vector<std::size_t> kept = {0};
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const std::size_t begin = 1 + inner * bucket / buckets,
                      end = 1 + inner * (bucket + 1) / buckets;
    std::size_t low = end, high = end, gap = end;
    for (std::size_t i = begin; i < end; ++i) {
      if (!is_drawable(points[i].y)) {
        gap = std::min(gap, i);
        continue;
      }
      if (low == end || points[i].y < points[low].y) low = i;
      if (high == end || points[i].y > points[high].y) high = i;
    }
    for (const std::size_t i : {low, high, gap}) {
      if (i != end) kept.push_back(i);
    }
  }
  kept.push_back(points.size() - 1);
  std::ranges::sort(kept);
  const auto repeated = std::ranges::unique(kept);
  kept.erase(repeated.begin(), repeated.end());
  std::vector<ChartPoint> out;
  for (const std::size_t i : kept) out.push_back(points[i]);
  return out;
}

std::size_t count_drawable(const std::vector<ChartPoint>& points) {
  return static_cast<std::size_t>(
      std::ranges::count_if(points, [](const ChartPoint& point) { return is_drawable(point.y); }));
}

std::string x_text(const Chart& chart, double x) {
  return chart.whole_x ? fmt::format("{}", x) : fmt::format("{:.4g}", x);
}

std::string description_of(const Chart& chart) {
  std::string text;
  for (const ChartSeries& series : chart.series) {
    std::vector<ChartPoint> drawn;
    std::ranges::copy_if(series.points, std::back_inserter(drawn),
                         [](const ChartPoint& point) { return is_drawable(point.y); });
    if (drawn.empty() || series.name.empty()) continue;
    const auto [low, high] = std::ranges::minmax_element(drawn, {}, &ChartPoint::y);
    if (!text.empty()) text += ' ';
    text += fmt::format(
        "{}: {} {}, from {:.4g} ({} {}) to {:.4g} ({} {}), lowest {:.4g}, highest {:.4g}.",
        series.name, drawn.size(), drawn.size() == 1 ? "point" : "points", drawn.front().y,
        chart.x_name, x_text(chart, drawn.front().x), drawn.back().y, chart.x_name,
        x_text(chart, drawn.back().x), low->y, high->y);
  }
  return text;
}

bool has_points(const ChartSeries& series) {
  return std::ranges::any_of(series.points,
                             [](const ChartPoint& point) { return is_drawable(point.y); });
}

}  // namespace expandft
