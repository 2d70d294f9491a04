#pragma once

#include <string>
#include <vector>

namespace expandft {

/// Where an axis begins and ends, and its ticks: multiples of 1, 2 or 5 times a power of ten.
struct ChartAxis {
  double low = 0, high = 1;
  double step = 1;
  std::vector<double> ticks;  // ascending, all within low and high

  /// 0 for low, 1 for high.
  double share(double value) const { return (value - low) / (high - low); }
};

/// An axis of values (finite, below 1e100 in size; low <= high) with about `count` ticks that
/// begins and ends at one. Equal values get room around them.
ChartAxis value_axis(double low, double high, int count);
/// An axis of whole numbers that begins and ends with the data; ticks lie at whole numbers.
ChartAxis step_axis(double low, double high, int count);

/// One label a tick, with as many decimals as the step needs, and with one unit for all: "0.5",
/// "20 K" (large numbers) or "2e-4" (small ones). Zero is "0".
std::vector<std::string> tick_labels(const ChartAxis& axis);

}  // namespace expandft
