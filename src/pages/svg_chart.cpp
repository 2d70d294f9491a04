#include "pages/svg_chart.h"

#include "pages/chart_axis.h"
#include "pages/chart_labels.h"
#include "pages/chart_legend.h"
#include "pages/chart_marks.h"
#include "pages/html.h"

#include <algorithm>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using Style = ChartSeries::Style;

constexpr std::size_t kMostPoints = 1000;
constexpr std::size_t kMostHoverTitles = 60;
constexpr std::size_t kMarksApart = 12;  // a line among many has about as many marks

// In the chart's own units. A phone shows about one pixel for each of them.
constexpr double kWidth = 400, kHeight = 240;
constexpr double kLeft = 46, kRight = 388, kBelow = 36;
constexpr double kLegendRow = 15, kLegendBottom = 28;

bool is_line(Style style) {
  return style != Style::kWarning && style != Style::kRing;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart),
        legend_(legend_of(chart, 4, kRight + 8)),
        top_(legend_.empty() ? 24 : 40 + kLegendRow * static_cast<double>(legend_.back().row)),
        height_(kHeight + std::max(0.0, top_ - 40)),
        bottom_(height_ - kBelow),
        labels_({kLeft + 2, top_ - 2, kRight + 10, bottom_ - 1}) {
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
    for (const double x : chart.x_covers) include(x, x_low, x_high);
    for (const ChartLine& line : chart.lines) {
      line.vertical ? include(line.at, x_low, x_high) : include(line.at, y_low, y_high);
    }
    if (chart.from_zero) y_low = std::min(y_low, 0.0);
    x_axis_ = chart.whole_x ? step_axis(x_low, x_high, 6) : value_axis(x_low, x_high, 5);
    y_axis_ = value_axis(y_low, y_high, 5);
  }

  std::string text() {
    const std::string id = html_escaped(chart_.id);
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "aria-labelledby=\"{2}-title {2}-description\">\n"
        "<title id=\"{2}-title\">{3}</title>\n<desc id=\"{2}-description\">{4}</desc>\n",
        kWidth, height_, id, html_escaped(chart_.title), html_escaped(description_of(chart_)));
    axes();
    for (const ChartLine& line : chart_.lines) reference(line);
    for (const ChartSeries& series : chart_.series) draw(series);
    // Texts come last: they lie over all lines, and know them all.
    for (const ChartLine& line : chart_.lines) reference_label(line);
    for (const ChartSeries& series : chart_.series) point_labels(series);
    legend();
    return out_ + "</svg>\n";
  }

 private:
  static void include(double value, double& low, double& high) {
    low = std::min(low, value);
    high = std::max(high, value);
  }

  double x(double value) const { return kLeft + x_axis_.share(value) * (kRight - kLeft); }
  double y(double value) const { return bottom_ - y_axis_.share(value) * (bottom_ - top_); }
  void text_at(std::string_view style, double x, double y, std::string_view anchor,
               std::string_view text) {
    out_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
                        style, coordinate(x), coordinate(y), anchor, html_escaped(text));
  }

  void axes() {
    const std::vector<std::string> y_labels = tick_labels(y_axis_), x_labels = tick_labels(x_axis_);
    for (std::size_t i = 0; i < y_labels.size(); ++i) {
      const double at = y(y_axis_.ticks[i]);
      out_ += fmt::format("<path class=\"{}\" d=\"M{} {}H{}\"/>\n", i == 0 ? "axis" : "grid", kLeft,
                          coordinate(at), kRight);
      text_at("tick", kLeft - 6, at + 4, "end", y_labels[i]);
    }
    for (std::size_t i = 0; i < x_labels.size(); ++i) {
      const double at = x(x_axis_.ticks[i]);
      out_ += fmt::format("<path class=\"axis\" d=\"M{} {}v4\"/>\n", coordinate(at),
                          coordinate(bottom_));
      // A label at the very end is wider than the room beside it.
      const bool at_end = at > kRight - 4;
      text_at("tick", at_end ? kRight + 10 : at, bottom_ + 17, at_end ? "end" : "middle",
              x_labels[i]);
    }
    text_at("tick", (kLeft + kRight) / 2, height_ - 5, "middle", chart_.x_name);
    if (!chart_.unit.empty()) text_at("tick", 4, 12, "start", chart_.unit);
  }

  void reference(const ChartLine& line) {
    const std::string path =
        line.vertical ? fmt::format("M{} {}V{}", coordinate(x(line.at)), coordinate(top_),
                                    coordinate(bottom_))
                      : fmt::format("M{} {}H{}", coordinate(kLeft), coordinate(y(line.at)), kRight);
    out_ += fmt::format("<path class=\"reference\" d=\"{}\"/>\n", path);
    if (line.vertical) labels_.avoid_line(x(line.at), top_, x(line.at), bottom_);
  }

  void label(const std::optional<LabelPlacer::Place>& place, std::string_view text) {
    if (place) text_at("note", place->x, place->y, place->anchor, text);
  }

  void reference_label(const ChartLine& line) {
    const double width = label_width(line.label);
    label(line.vertical ? labels_.along_vertical(x(line.at), width)
                        : labels_.along_horizontal(y(line.at), width),
          line.label);
  }

  void point_labels(const ChartSeries& series) {
    for (const ChartPoint& point : series.points) {
      if (point.label.empty() || !is_drawable(point.y)) continue;
      label(labels_.beside(x(point.x), y(point.y), label_width(point.label)), point.label);
    }
  }

  std::string hover_title(const ChartSeries& series, const ChartPoint& point) const {
    return fmt::format("{}{}, {} {}: {:.4g}", series.name,
                       point.label.empty() ? "" : ", " + point.label, chart_.x_name,
                       x_text(chart_, point.x), point.y);
  }

  void mark(const ChartSeries& series, const ChartPoint& point, bool with_title) {
    out_ += mark_svg(series, x(point.x), y(point.y), with_title ? hover_title(series, point) : "");
    labels_.avoid_point(x(point.x), y(point.y), 8);
  }

  void draw(const ChartSeries& series) {
    const std::vector<ChartPoint> points = thinned(series.points, kMostPoints);
    const std::vector<bool> alone =
        is_line(series.style) ? line(series, points) : std::vector<bool>(points.size(), false);
    const bool titles = points.size() <= kMostHoverTitles;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!is_drawable(points[i].y)) continue;
      if (alone[i] || !points[i].label.empty() || has_mark(series.style, i, points.size())) {
        mark(series, points[i], titles);
      } else if (titles && (series.style == Style::kSolid || series.style == Style::kDashed)) {
        out_ += fmt::format(
            "<circle class=\"hover\" cx=\"{}\" cy=\"{}\" r=\"5\"><title>{}</title>"
            "</circle>\n",
            coordinate(x(points[i].x)), coordinate(y(points[i].y)),
            html_escaped(hover_title(series, points[i])));
      }
    }
  }

  static bool has_mark(Style style, std::size_t index, std::size_t count) {
    switch (style) {
      case Style::kMain:
      case Style::kRaw:
        return false;
      case Style::kMarked:
        return count <= kMostHoverTitles;
      case Style::kSolid:
      case Style::kDashed:
        return (count - 1 - index) % (1 + count / kMarksApart) == 0;
      case Style::kWarning:
      case Style::kRing:
        return true;
    }
    return false;
  }

  /// Draws the line, and returns which points lie between two gaps: they become marks.
  std::vector<bool> line(const ChartSeries& series, const std::vector<ChartPoint>& points) {
    std::string path;
    std::vector<bool> alone(points.size(), false);
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!is_drawable(points[i].y)) continue;
      const bool begins = i == 0 || !is_drawable(points[i - 1].y);
      const bool ends = i + 1 == points.size() || !is_drawable(points[i + 1].y);
      if (begins && ends) {
        alone[i] = true;
        continue;
      }
      path += begins ? 'M' : 'L';
      path += coordinate(x(points[i].x)) + " " + coordinate(y(points[i].y));
      if (!begins) {
        labels_.avoid_line(x(points[i - 1].x), y(points[i - 1].y), x(points[i].x), y(points[i].y));
      }
    }
    if (!path.empty()) {
      out_ += fmt::format("<path class=\"series {}\" d=\"{}\"/>\n", classes_of(series), path);
    }
    return alone;
  }

  void legend() {
    for (const LegendEntry& entry : legend_) {
      const double middle = kLegendBottom - 4 + kLegendRow * static_cast<double>(entry.row);
      double left = entry.left;
      if (entry.series != nullptr) {
        const ChartSeries& series = *entry.series;
        if (is_line(series.style)) {
          out_ += fmt::format("<path class=\"series {}\" d=\"M{} {}h20\"/>\n", classes_of(series),
                              coordinate(left), coordinate(middle));
        }
        if (series.style != Style::kMain && series.style != Style::kRaw) {
          out_ += mark_svg(series, left + 10, middle, "");
        }
        left += kLegendSwatch;
      }
      text_at("legend", left, middle + 4, "start", entry.text);
    }
  }

  const Chart& chart_;
  const std::vector<LegendEntry> legend_;
  const double top_, height_, bottom_;
  LabelPlacer labels_;
  ChartAxis x_axis_, y_axis_;
  std::string out_;
};

}  // namespace

std::string svg_chart(const Chart& chart) {
  return Drawing(chart).text();
}

}  // namespace expandft
