#pragma once

#include "pages/chart.h"

#include <string>

namespace expandft {

/// A series' mark at a place in the chart, as SVG with the class "dot"; `title` (text) shows when a
/// pointer rests on it.
std::string mark_svg(const ChartSeries& series, double x, double y, const std::string& title);

/// The classes of a series, for CSS: its style, and its colour where it has one of many.
std::string classes_of(const ChartSeries& series);

/// A coordinate with two decimals at most.
std::string coordinate(double value);

}  // namespace expandft
