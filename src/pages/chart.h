#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// A point of a line. `y` may be NaN or infinite: the line has a gap there.
struct ChartPoint {
  double x = 0, y = 0;     // x: finite
  std::string label = {};  // text beside the point, which gets a mark then; may be empty
};

struct ChartSeries {
  /// They differ in more than colour. Lines: plain, thin, dashed with dots; and for one of many,
  /// solid with filled marks or dashed with hollow marks, whose colour and shape `tone` chooses.
  /// Without a line: warnings (triangles), and rings around points of others.
  enum class Style { kMain, kRaw, kMarked, kSolid, kDashed, kWarning, kRing };
  std::string name;  // for legend and description; empty: in neither
  Style style = Style::kMain;
  std::vector<ChartPoint> points;  // drawn in this order
  std::size_t tone = 0;            // any number: there are 30 pairs of colour and shape
  std::string group = {};          // stands before those of its group in the legend; may be empty
};

/// A straight line across the chart: at an x (vertical) or at a y.
struct ChartLine {
  double at = 0;  // drawable
  std::string label;
  bool vertical = true;
};

struct Chart {
  std::string id;     // unique on the page: letters, digits and hyphens
  std::string title;  // text, not HTML, as are all names
  std::string unit;   // of y, written over the axis; may be empty
  std::string x_name = "step";
  bool from_zero = false;                // whether y begins at zero; else where the data do
  std::vector<ChartSeries> series = {};  // drawn in this order
  bool whole_x = true;                   // whether x are whole numbers, with whole ticks
  std::vector<double> x_covers = {};     // what the x axis reaches beyond the data
  std::vector<ChartLine> lines = {};     // within the axes, which reach them
};

/// Whether a number can be drawn: finite, and below 1e100 in size.
bool is_drawable(double y);

/// At most `most` (at least 5) points: of each stretch of neighbours the lowest, the highest and
/// one gap, so that spikes stay; and the first and the last point.
std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t most);

/// How many of the points can be drawn.
std::size_t count_drawable(const std::vector<ChartPoint>& points);

/// An x of the chart, in words.
std::string x_text(const Chart& chart, double x);

/// The chart in words: "training: 300 points, from 4.1 (step 1) to 2.2 (step 300), lowest 2.1,
/// highest 4.3." for each series with a name and points.
std::string description_of(const Chart& chart);

/// Whether there is a point to draw.
bool has_points(const ChartSeries& series);

}  // namespace expandft
