#include "pages/chart_marks.h"

#include "pages/html.h"

#include <array>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

using Style = ChartSeries::Style;

constexpr std::size_t kColors = 6;  // classes c0 to c5 of page_style.cpp

/// Outlines of marks other than the circle, relative to where they begin.
struct MarkShape {
  double x = 0, y = 0;  // from the mark's middle to where the outline begins
  std::string_view outline;
};
constexpr MarkShape kTriangle = {0, -4.2, "l4.2 7h-8.4z"};
constexpr std::array kShapes = {MarkShape{},  // the circle
                                MarkShape{-3, -3, "h6v6h-6z"}, kTriangle,
                                MarkShape{0, -4.4, "l4.4 4.4l-4.4 4.4l-4.4 -4.4z"},
                                MarkShape{0, 4.2, "l4.2 -7h-8.4z"}};

MarkShape shape_of(const ChartSeries& series) {
  switch (series.style) {
    case Style::kSolid:
    case Style::kDashed:
      return kShapes[series.tone % kShapes.size()];
    case Style::kWarning:
      return kTriangle;
    default:
      return {};
  }
}

std::string_view name_of(Style style) {
  switch (style) {
    case Style::kMain:
      return "main";
    case Style::kRaw:
      return "raw";
    case Style::kMarked:
      return "marked";
    case Style::kSolid:
      return "solid";
    case Style::kDashed:
      return "dashed";
    case Style::kWarning:
      return "warning";
    case Style::kRing:
      return "ring";
  }
  return "";
}

}  // namespace

std::string coordinate(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string classes_of(const ChartSeries& series) {
  const bool one_of_many = series.style == Style::kSolid || series.style == Style::kDashed;
  return std::string(name_of(series.style)) +
         (one_of_many ? fmt::format(" c{}", series.tone % kColors) : "");
}

std::string mark_svg(const ChartSeries& series, double x, double y, const std::string& title) {
  const MarkShape shape = shape_of(series);
  const std::string inner =
      title.empty() ? "" : fmt::format("<title>{}</title>", html_escaped(title));
  if (shape.outline.empty()) {
    return fmt::format("<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{}</circle>\n",
                       classes_of(series), coordinate(x), coordinate(y),
                       series.style == Style::kRing ? "6" : "3", inner);
  }
  return fmt::format("<path class=\"dot {}\" d=\"M{} {}{}\">{}</path>\n", classes_of(series),
                     coordinate(x + shape.x), coordinate(y + shape.y), shape.outline, inner);
}

}  // namespace expandft
