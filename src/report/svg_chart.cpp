#include "report/svg_chart.h"

#include "report/chart_axis.h"
#include "report/display_width.h"
#include "report/html.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

constexpr std::size_t kMostPoints = 1000;
constexpr std::size_t kMostHoverTitles = 60;

// In the chart's own units. A phone shows about one pixel for each of them.
constexpr double kWidth = 400, kHeight = 240;
constexpr double kLeft = 46, kRight = 388, kBottom = 204;
constexpr double kCharacter = 6.4;  // mean width of the largest text

std::string number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string_view class_of(ChartSeries::Style style) {
  using enum ChartSeries::Style;
  return style == kMain ? "main" : style == kRaw ? "raw" : "marked";
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart), has_legend_(chart.series.size() > 1), top_(has_legend_ ? 36 : 24) {
    double x_low = 0, x_high = 0, y_low = 0, y_high = 0;
    bool first = true;
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        if (!is_drawable(point.y)) continue;
        x_low = first ? point.x : std::min(x_low, point.x);
        x_high = first ? point.x : std::max(x_high, point.x);
        y_low = first ? point.y : std::min(y_low, point.y);
        y_high = first ? point.y : std::max(y_high, point.y);
        first = false;
      }
    }
    if (chart.from_zero) y_low = std::min(y_low, 0.0);
    x_axis_ = step_axis(x_low, x_high, 6);
    y_axis_ = value_axis(y_low, y_high, 5);
  }

  std::string text() {
    const std::string id = html_escaped(chart_.id);
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "aria-labelledby=\"{2}-title {2}-description\">\n"
        "<title id=\"{2}-title\">{3}</title>\n<desc id=\"{2}-description\">{4}</desc>\n",
        kWidth, kHeight, id, html_escaped(chart_.title), html_escaped(description()));
    axes();
    for (const ChartSeries& series : chart_.series) line(series);
    legend();
    return out_ + "</svg>\n";
  }

 private:
  double x(double value) const { return kLeft + x_axis_.share(value) * (kRight - kLeft); }
  double y(double value) const { return kBottom - y_axis_.share(value) * (kBottom - top_); }

  void label(double x, double y, std::string_view anchor, std::string_view text) {
    out_ += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
                        number(x), number(y), anchor, html_escaped(text));
  }

  void axes() {
    const std::vector<std::string> y_labels = tick_labels(y_axis_), x_labels = tick_labels(x_axis_);
    for (std::size_t i = 0; i < y_labels.size(); ++i) {
      const double at = y(y_axis_.ticks[i]);
      out_ += fmt::format("<path class=\"{}\" d=\"M{} {}H{}\"/>\n", i == 0 ? "axis" : "grid", kLeft,
                          number(at), kRight);
      label(kLeft - 6, at + 4, "end", y_labels[i]);
    }
    for (std::size_t i = 0; i < x_labels.size(); ++i) {
      const double at = x(x_axis_.ticks[i]);
      out_ += fmt::format("<path class=\"axis\" d=\"M{} {}v4\"/>\n", number(at), kBottom);
      // A label at the very end is wider than the room beside it.
      const bool at_end = at > kRight - 4;
      label(at_end ? kRight + 10 : at, kBottom + 17, at_end ? "end" : "middle", x_labels[i]);
    }
    label((kLeft + kRight) / 2, kHeight - 5, "middle", chart_.x_name);
    if (!chart_.unit.empty()) label(4, 12, "start", chart_.unit);
  }

  void dot(const ChartSeries& series, const ChartPoint& point, bool with_title) {
    const std::string title =
        with_title ? fmt::format("<title>{}, {} {}: {:.4g}</title>", html_escaped(series.name),
                                 html_escaped(chart_.x_name), point.x, point.y)
                   : "";
    out_ += fmt::format("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"3\">{}</circle>\n",
                        class_of(series.style), number(x(point.x)), number(y(point.y)), title);
  }

  /// A point between two gaps is no line, and becomes a dot.
  void line(const ChartSeries& series) {
    const std::vector<ChartPoint> points = thinned(series.points, kMostPoints);
    std::string path;
    std::vector<ChartPoint> alone;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!is_drawable(points[i].y)) continue;
      const bool begins = i == 0 || !is_drawable(points[i - 1].y);
      const bool ends = i + 1 == points.size() || !is_drawable(points[i + 1].y);
      if (begins && ends) {
        alone.push_back(points[i]);
      } else {
        path += begins ? 'M' : 'L';
        path += number(x(points[i].x)) + " " + number(y(points[i].y));
      }
    }
    if (!path.empty()) {
      out_ += fmt::format("<path class=\"series {}\" d=\"{}\"/>\n", class_of(series.style), path);
    }
    const bool marked =
        series.style == ChartSeries::Style::kMarked && points.size() <= kMostHoverTitles;
    for (const ChartPoint& point : marked ? points : alone) {
      if (is_drawable(point.y)) dot(series, point, points.size() <= kMostHoverTitles);
    }
  }

  /// Over the chart, from the right end; nothing for a single series, which the title names.
  void legend() {
    if (!has_legend_) return;
    double width = 0;
    const auto entry_width = [](const ChartSeries& series) {
      return 26 + kCharacter * static_cast<double>(display_width(series.name)) + 10;
    };
    for (const ChartSeries& series : chart_.series) width += entry_width(series);
    double left = std::max(4.0, kRight + 10 - width);
    const double middle = 24;
    for (const ChartSeries& series : chart_.series) {
      const std::string_view style = class_of(series.style);
      out_ +=
          fmt::format("<path class=\"series {}\" d=\"M{} {}h20\"/>\n", style, number(left), middle);
      if (series.style == ChartSeries::Style::kMarked) {
        out_ += fmt::format("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"3\"/>\n", style,
                            number(left + 10), middle);
      }
      out_ += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", number(left + 26), middle + 4,
                          html_escaped(series.name));
      left += entry_width(series);
    }
  }

  /// "training loss: 300 points, from 4.1 (step 1) to 2.2 (step 300), lowest 2.1, highest 4.3."
  std::string description() const {
    std::string text;
    for (const ChartSeries& series : chart_.series) {
      std::vector<ChartPoint> drawn;
      std::ranges::copy_if(series.points, std::back_inserter(drawn),
                           [](const ChartPoint& point) { return is_drawable(point.y); });
      if (drawn.empty()) continue;
      const auto [low, high] = std::ranges::minmax_element(drawn, {}, &ChartPoint::y);
      if (!text.empty()) text += ' ';
      text += fmt::format(
          "{}: {} {}, from {:.4g} ({} {}) to {:.4g} ({} {}), lowest {:.4g}, "
          "highest {:.4g}.",
          series.name, drawn.size(), drawn.size() == 1 ? "point" : "points", drawn.front().y,
          chart_.x_name, drawn.front().x, drawn.back().y, chart_.x_name, drawn.back().x, low->y,
          high->y);
    }
    return text;
  }

  const Chart& chart_;
  const bool has_legend_;
  const double top_;
  ChartAxis x_axis_, y_axis_;
  std::string out_;
};

}  // namespace

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

bool has_points(const ChartSeries& series) {
  return std::ranges::any_of(series.points,
                             [](const ChartPoint& point) { return is_drawable(point.y); });
}

std::string svg_chart(const Chart& chart) {
  return Drawing(chart).text();
}

}  // namespace expandft
