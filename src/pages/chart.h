#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// A point of a series. The line has a gap where `y` is NaN or infinite.
struct ChartPoint {
  double x = 0, y = 0;     // x is finite
  std::string label = {};  // text beside the point, which then has a mark; may be empty
};

struct ChartSeries {
  /// Series differ in more than colour: kSolid has filled marks, kDashed hollow ones, kPlain and
  /// kFaint have none. kWarning (triangles) and kRing (around points of other series) have no line.
  enum class Style { kPlain, kFaint, kSolid, kDashed, kWarning, kRing };
  std::string name;  // in the legend and the description; empty: in neither
  Style style = Style::kPlain;
  std::vector<ChartPoint> points;  // in the order in which they are drawn
  std::size_t tone = 0;            // chooses one of 30 pairs of colour and mark
  std::string group = {};          // heading in the legend for this series and those that follow it
};

/// A reference line across the chart: at an x (vertical) or at a y.
struct ChartLine {
  double at = 0;  // drawable
  std::string label;
  bool vertical = true;
};

struct Chart {
  std::string id;     // unique on the page: letters, digits and hyphens
  std::string title;  // text, not HTML, as are all names
  std::string unit;   // of y, shown above the axis; may be empty
  std::string x_name = "step";
  bool from_zero = false;                // the y axis starts at zero, not at the data
  std::vector<ChartSeries> series = {};  // later ones are drawn on top
  bool whole_x = true;                   // ticks of the x axis are whole numbers
  std::vector<double> x_covers = {};     // values the x axis includes beyond the data
  std::vector<ChartLine> lines = {};     // the axes include them
};

/// A <figure> for a page of html_page, whose CSS colours it: title, legend (not for a single plain
/// series) and an <svg> that scales to the available width and describes itself to screen readers.
/// Each series is thinned to 1000 points. The chart must have a drawable point.
std::string chart_html(const Chart& chart);

/// Whether a number can be drawn: finite and below 1e100 in size.
bool is_drawable(double y);
/// Whether the series has a drawable point.
bool has_points(const ChartSeries& series);

/// At most `most` (at least 5) points: the first, the last, and of each stretch of neighbours the
/// lowest, the highest and one gap. Spikes and gaps survive.
std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t most);

}  // namespace expandft
