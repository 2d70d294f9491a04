#include "pages/chart.h"

#include "pages/chart_axis.h"
#include "pages/html.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using Style = ChartSeries::Style;

constexpr std::size_t kMostPoints = 1000;
constexpr std::size_t kMostHoverTitles = 60;
constexpr std::size_t kMarksOfLine = 12;  // about as many; all points of a long line would blot it
constexpr std::size_t kColors = 6;        // classes c0 to c5 of html_page

// In the chart's own units. A phone shows about one pixel for each of them.
constexpr double kWidth = 400, kHeight = 224;
constexpr double kLeft = 46, kRight = 388, kTop = 24, kBottom = kHeight - 36;

bool is_line(Style style) {
  return style != Style::kWarning && style != Style::kRing;
}

bool has_tone(Style style) {
  return style == Style::kSolid || style == Style::kDashed;
}

std::string classes_of(const ChartSeries& series) {
  static constexpr std::array kNames = {"plain", "faint", "solid", "dashed", "warning", "ring"};
  const std::string name = kNames[static_cast<std::size_t>(series.style)];
  return has_tone(series.style) ? fmt::format("{} c{}", name, series.tone % kColors) : name;
}

/// With two decimals at most.
std::string coordinate(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

/// A series' mark around a point; `title` appears when the pointer rests on it.
std::string mark_svg(const ChartSeries& series, double x, double y, const std::string& title) {
  struct Outline {
    double x = 0, y = 0;  // from the point to where the path starts
    std::string_view path;
  };
  static constexpr std::array kOutlines = {
      Outline{},  // a circle
      Outline{-3, -3, "h6v6h-6z"}, Outline{0, -4.2, "l4.2 7h-8.4z"},
      Outline{0, -4.4, "l4.4 4.4l-4.4 4.4l-4.4 -4.4z"}, Outline{0, 4.2, "l4.2 -7h-8.4z"}};
  std::size_t shape = series.style == Style::kWarning ? 2 : 0;
  if (has_tone(series.style)) shape = series.tone % kOutlines.size();
  const std::string inner =
      title.empty() ? "" : fmt::format("<title>{}</title>", html_escaped(title));
  if (shape == 0) {
    return fmt::format("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>\n",
                       classes_of(series), coordinate(x), coordinate(y),
                       series.style == Style::kRing ? 6 : 3, inner);
  }
  return fmt::format("<path class=\"dot {}\" d=\"M{} {}{}\">{}</path>\n", classes_of(series),
                     coordinate(x + kOutlines[shape].x), coordinate(y + kOutlines[shape].y),
                     kOutlines[shape].path, inner);
}

/// How one series looks, and its name.
std::string legend_entry(const ChartSeries& series) {
  std::string swatch;
  if (is_line(series.style)) {
    swatch = fmt::format("<path class=\"series {}\" d=\"M1 8h24\"/>", classes_of(series));
  }
  if (series.style != Style::kPlain && series.style != Style::kFaint) {
    swatch += mark_svg(series, 13, 8, "");
  }
  return fmt::format(
      "<li><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 26 16\" "
      "aria-hidden=\"true\">{}</svg>{}</li>\n",
      swatch, html_escaped(series.name));
}

/// One list for each group of series; empty for a single plain series, which the title names.
std::string legend_html(const Chart& chart) {
  std::string out;
  std::size_t listed = 0;
  bool plain = true;
  const std::string* group = nullptr;
  for (const ChartSeries& series : chart.series) {
    if (!has_points(series) || series.name.empty()) continue;
    if (group == nullptr || *group != series.group) {
      out += group == nullptr ? "" : "</ul>\n";
      out += "<ul class=\"legend\">\n";
      if (!series.group.empty()) out += fmt::format("<li>{}:</li>\n", html_escaped(series.group));
      group = &series.group;
    }
    out += legend_entry(series);
    plain = plain && series.style == Style::kPlain;
    ++listed;
  }
  return listed < 2 && plain ? "" : out + "</ul>\n";
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart) {
    std::vector<double> xs = chart.x_covers, ys;
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        if (!is_drawable(point.y)) continue;
        xs.push_back(point.x);
        ys.push_back(point.y);
      }
    }
    for (const ChartLine& line : chart.lines) (line.vertical ? xs : ys).push_back(line.at);
    if (chart.from_zero) ys.push_back(std::min(0.0, std::ranges::min(ys)));
    const auto [x_low, x_high] = std::ranges::minmax(xs);
    const auto [y_low, y_high] = std::ranges::minmax(ys);
    x_axis_ = chart.whole_x ? step_axis(x_low, x_high, 6) : value_axis(x_low, x_high, 5);
    y_axis_ = value_axis(y_low, y_high, 5);
  }

  std::string svg() {
    const std::string id = html_escaped(chart_.id);
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "aria-labelledby=\"{2}-title {2}-description\">\n"
        "<title id=\"{2}-title\">{3}</title>\n<desc id=\"{2}-description\">{4}</desc>\n",
        kWidth, kHeight, id, html_escaped(chart_.title), html_escaped(description()));
    axes();
    for (const ChartLine& line : chart_.lines) reference(line);
    for (const ChartSeries& series : chart_.series) draw(series);
    for (const ChartLine& line : chart_.lines) reference_label(line);
    for (const ChartSeries& series : chart_.series) point_labels(series);
    return out_ + "</svg>\n";
  }

 private:
  double x(double value) const { return kLeft + x_axis_.share(value) * (kRight - kLeft); }
  double y(double value) const { return kBottom - y_axis_.share(value) * (kBottom - kTop); }

  std::string x_text(double value) const {
    return chart_.whole_x ? fmt::format("{}", value) : fmt::format("{:.4g}", value);
  }

  /// "training: 300 points, from 4.1 (step 1) to 2.2 (step 300), lowest 2.1, highest 4.3."
  std::string description() const {
    std::string text;
    for (const ChartSeries& series : chart_.series) {
      std::vector<ChartPoint> drawn;
      std::ranges::copy_if(series.points, std::back_inserter(drawn),
                           [](const ChartPoint& point) { return is_drawable(point.y); });
      if (drawn.empty() || series.name.empty()) continue;
      const auto [low, high] = std::ranges::minmax_element(drawn, {}, &ChartPoint::y);
      text += fmt::format(
          "{}{}: {} {}, from {:.4g} ({} {}) to {:.4g} ({} {}), lowest {:.4g}, highest {:.4g}.",
          text.empty() ? "" : " ", series.name, drawn.size(),
          drawn.size() == 1 ? "point" : "points", drawn.front().y, chart_.x_name,
          x_text(drawn.front().x), drawn.back().y, chart_.x_name, x_text(drawn.back().x), low->y,
          high->y);
    }
    return text;
  }

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
      out_ += fmt::format("<path class=\"axis\" d=\"M{} {}v4\"/>\n", coordinate(at), kBottom);
      // A label at the very end is wider than the room beside it.
      const bool at_end = at > kRight - 4;
      text_at("tick", at_end ? kRight + 10 : at, kBottom + 17, at_end ? "end" : "middle",
              x_labels[i]);
    }
    text_at("tick", (kLeft + kRight) / 2, kHeight - 5, "middle", chart_.x_name);
    if (!chart_.unit.empty()) text_at("tick", 4, 12, "start", chart_.unit);
  }

  void reference(const ChartLine& line) {
    out_ += "<path class=\"reference\" d=\"";
    out_ += line.vertical ? fmt::format("M{} {}V{}", coordinate(x(line.at)), kTop, kBottom)
                          : fmt::format("M{} {}H{}", kLeft, coordinate(y(line.at)), kRight);
    out_ += "\"/>\n";
  }

  void reference_label(const ChartLine& line) {
    if (line.vertical) {
      const bool right = x(line.at) < (kLeft + kRight) / 2;
      text_at("note", x(line.at) + (right ? 4 : -4), kTop + 10, right ? "start" : "end",
              line.label);
    } else {
      const double at = y(line.at);
      text_at("note", kRight, at > kBottom - 14 ? at - 4 : at + 13, "end", line.label);
    }
  }

  /// A label that would cover the one before it is left out.
  void point_labels(const ChartSeries& series) {
    double last_x = -kWidth, last_y = -kHeight;
    for (const ChartPoint& point : series.points) {
      if (point.label.empty() || !is_drawable(point.y)) continue;
      const double at_x = x(point.x), at_y = y(point.y);
      if (std::abs(at_x - last_x) < 40 && std::abs(at_y - last_y) < 11) continue;
      const bool right = at_x < kRight - 40;
      text_at("note", right ? at_x + 6 : at_x - 4, at_y - 5, right ? "start" : "end", point.label);
      last_x = at_x;
      last_y = at_y;
    }
  }

  std::string hover_title(const ChartSeries& series, const ChartPoint& point) const {
    return fmt::format("{}{}, {} {}: {:.4g}", series.name,
                       point.label.empty() ? "" : ", " + point.label, chart_.x_name,
                       x_text(point.x), point.y);
  }

  void draw(const ChartSeries& series) {
    const std::vector<ChartPoint> points = thinned(series.points, kMostPoints);
    const auto drawable = [&](std::size_t i) {
      return i < points.size() && is_drawable(points[i].y);
    };
    if (is_line(series.style)) line(series, points);
    const std::size_t apart = 1 + points.size() / kMarksOfLine;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!drawable(i)) continue;
      const double at_x = x(points[i].x), at_y = y(points[i].y);
      const std::string title =
          points.size() <= kMostHoverTitles ? hover_title(series, points[i]) : "";
      // A point between two gaps has no line.
      const bool alone = !drawable(i - 1) && !drawable(i + 1);
      const bool marked = has_tone(series.style) && (points.size() - 1 - i) % apart == 0;
      if (alone || marked || !is_line(series.style) || !points[i].label.empty()) {
        out_ += mark_svg(series, at_x, at_y, title);
      } else if (has_tone(series.style) && !title.empty()) {
        out_ += fmt::format(
            "<circle class=\"hover\" cx=\"{}\" cy=\"{}\" r=\"5\"><title>{}</title></circle>\n",
            coordinate(at_x), coordinate(at_y), html_escaped(title));
      }
    }
  }

  void line(const ChartSeries& series, const std::vector<ChartPoint>& points) {
    std::string path;
    for (std::size_t i = 1; i < points.size(); ++i) {
      const ChartPoint &from = points[i - 1], &to = points[i];
      if (!is_drawable(from.y) || !is_drawable(to.y)) continue;
      const bool begins = i == 1 || !is_drawable(points[i - 2].y);
      if (begins) path += "M" + coordinate(x(from.x)) + " " + coordinate(y(from.y));
      path += "L" + coordinate(x(to.x)) + " " + coordinate(y(to.y));
    }
    if (path.empty()) return;
    out_ += fmt::format("<path class=\"series {}\" d=\"{}\"/>\n", classes_of(series), path);
  }

  const Chart& chart_;
  ChartAxis x_axis_, y_axis_;
  std::string out_;
};

}  // namespace

std::string chart_html(const Chart& chart) {
  return fmt::format("<figure><h3>{}</h3>\n{}{}</figure>\n", html_escaped(chart.title),
                     legend_html(chart), Drawing(chart).svg());
}

bool is_drawable(double y) {
  return std::abs(y) < 1e100;  // false for NaN
}

bool has_points(const ChartSeries& series) {
  return std::ranges::any_of(series.points,
                             [](const ChartPoint& point) { return is_drawable(point.y); });
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

}  // namespace expandft
