#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// A point of a line. `y` may be NaN or infinite: the line has a gap there.
struct ChartPoint {
  double x = 0, y = 0;  // x: a whole number
};

struct ChartSeries {
  /// They differ in more than colour: a line, a thin line, a dashed line with dots.
  enum class Style { kMain, kRaw, kMarked };
  std::string name;  // for the legend
  Style style = Style::kMain;
  std::vector<ChartPoint> points;  // x ascending
};

struct Chart {
  std::string id;     // unique on the page: letters, digits and hyphens
  std::string title;  // text, not HTML, as are all names
  std::string unit;   // of y, written over the axis; may be empty
  std::string x_name = "step";
  bool from_zero = false;                // whether y begins at zero; else where the data do
  std::vector<ChartSeries> series = {};  // drawn in this order
};

/// Whether a number can be drawn: finite, and below 1e100 in size.
bool is_drawable(double y);

/// At most `most` (at least 5) points: of each stretch of neighbours the lowest, the highest and
/// one gap, so that spikes stay; and the first and the last point.
std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t most);

/// Whether there is a point to draw.
bool has_points(const ChartSeries& series);

/// An <svg> with title and description, for a page of html_page (whose style colours it), that
/// scales to the width it is given. Each series is thinned to 1000 points. The chart must have a
/// point to draw.
std::string svg_chart(const Chart& chart);

}  // namespace expandft
