#pragma once

#include "pages/chart.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// What stands in a legend: a series, or the name of a group before its first.
struct LegendEntry {
  const ChartSeries* series = nullptr;  // of the chart that was given; null for a group's name
  std::string text;                     // long names are cut in their middle
  double left = 0;                      // in units of the chart
  std::size_t row = 0;
};

constexpr double kLegendSwatch = 26;  // width, with the gap to the text

/// The legend between two x, in as many rows as it takes; a group begins a row. A single row stands
/// at the right end. Empty where there is only one plain line, which the chart's title names, and
/// without series that have no name or whose points all have labels.
std::vector<LegendEntry> legend_of(const Chart& chart, double left, double right);

/// The text cut to a width, its beginning and end kept: names of one family differ in either.
std::string cut_in_middle(const std::string& text, std::size_t columns);

}  // namespace expandft
