#include "pages/run_charts.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace expandft {
namespace {

constexpr std::size_t kFewestToSmooth = 20;  // points
constexpr double kSmallestSpan = 10, kLargestSpan = 200;

/// The values at `key` of the events of one kind that have the key.
std::vector<ChartPoint> points_of(const std::vector<Json>& events, const std::string& kind,
                                  const std::string& key) {
  std::vector<ChartPoint> points;
  for (const Json& event : events) {
    if (!event.is_object() || event.value("event", Json()) != Json(kind)) continue;
    const auto step = event.find("step"), value = event.find(key);
    if (step == event.end() || !step->is_number_integer() || value == event.end()) continue;
    const double y =
        value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
    points.push_back({static_cast<double>(step->get<std::int64_t>()), y});
  }
  std::ranges::stable_sort(points, {}, &ChartPoint::x);
  return points;
}

/// The last validation that was the lowest so far.
std::optional<ChartPoint> best_validation(const std::vector<Json>& events) {
  std::vector<Json> best;
  for (const Json& event : events) {
    if (event.is_object() && event.value("best", Json()) == Json(true)) best.push_back(event);
  }
  std::vector<ChartPoint> points = points_of(best, "validation", "loss");
  std::erase_if(points, [](const ChartPoint& point) { return !is_drawable(point.y); });
  if (points.empty()) return std::nullopt;
  return points.back();
}

Chart loss_chart(const std::vector<Json>& events) {
  using enum ChartSeries::Style;
  Chart chart{.id = "loss", .title = "Loss", .unit = "nats per token"};
  std::vector<ChartPoint> training = points_of(events, "train", "loss");
  std::vector<ChartPoint> validation = points_of(events, "validation", "loss");
  if (training.size() >= kFewestToSmooth) {
    const double span =
        std::clamp(static_cast<double>(training.size()) / 25, kSmallestSpan, kLargestSpan);
    std::vector<ChartPoint> mean = smoothed(training, span);
    chart.series.push_back({"training", kFaint, std::move(training)});
    chart.series.push_back({"training, smoothed", kPlain, std::move(mean)});
  } else {
    chart.series.push_back({"training", kPlain, std::move(training)});
  }
  if (!validation.empty()) {
    chart.series.push_back({"validation", kDashed, std::move(validation), 1});
  }
  if (const std::optional<ChartPoint> best = best_validation(events)) {
    chart.series.push_back({"best validation", kRing, {*best}});
  }
  for (const ChartPoint& stop : points_of(events, "early_stop", "validations")) {
    chart.lines.push_back({stop.x, "stopped early"});
  }
  return chart;
}

Chart gradient_chart(const std::vector<Json>& events) {
  using enum ChartSeries::Style;
  Chart chart{.id = "gradient-norm",
              .title = "Gradient norm",
              .unit = "before clipping",
              .from_zero = true};
  chart.series.push_back({"gradient norm", kPlain, points_of(events, "train", "grad_norm")});
  chart.series.push_back({"outlier", kWarning, points_of(events, "outlier", "grad_norm")});
  return chart;
}

Chart plain_chart(const std::vector<Json>& events, const std::string& key, const std::string& id,
                  const std::string& title, const std::string& unit) {
  Chart chart{.id = id, .title = title, .unit = unit, .from_zero = true};
  chart.series.push_back({title, ChartSeries::Style::kPlain, points_of(events, "train", key)});
  return chart;
}

}  // namespace

std::vector<ChartPoint> smoothed(const std::vector<ChartPoint>& points, double span) {
  const double kept = 1 - 2 / (span + 1);
  double sum = 0, weight = 0;
  std::vector<ChartPoint> out = points;
  for (ChartPoint& point : out) {
    if (!is_drawable(point.y)) continue;
    sum = kept * sum + (1 - kept) * point.y;
    weight = kept * weight + (1 - kept);
    point.y = sum / weight;
  }
  return out;
}

std::vector<Chart> run_charts(const std::vector<Json>& events) {
  std::vector<Chart> charts = {
      loss_chart(events),
      plain_chart(events, "learning_rate", "learning-rate", "Learning rate", ""),
      gradient_chart(events),
      plain_chart(events, "tokens_per_second", "speed", "Speed", "tokens per second"),
      plain_chart(events, "retention", "retention", "Retention: divergence from the base",
                  "KL(base ‖ tuned), nats per token"),
      plain_chart(events, "data_retention", "data-retention",
                  "Retention: divergence from the base on the training data",
                  "KL(base ‖ tuned), nats per target"),
      plain_chart(events, "retention_loss", "retention-loss", "Retention: loss on its text",
                  "nats per token")};
  for (Chart& chart : charts) {
    std::erase_if(chart.series, [](const ChartSeries& series) { return !has_points(series); });
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace expandft
