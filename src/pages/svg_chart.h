#pragma once

#include "pages/chart.h"

#include <string>

namespace expandft {

/// An <svg> with title and description, for a page of html_page (whose style colours it), that
/// scales to the width it is given. Each series is thinned to 1000 points. The chart must have a
/// point to draw.
std::string svg_chart(const Chart& chart);

}  // namespace expandft
