#pragma once

#include <string>
#include <vector>

namespace expandft {

/// The range of an axis and its ticks, which are multiples of 1, 2 or 5 times a power of ten.
struct ChartAxis {
  double low = 0, high = 1;
  double step = 1;
  std::vector<double> ticks;  // ascending, all within low and high

  /// 0 for low, 1 for high.
  double share(double value) const { return (value - low) / (high - low); }
};

/// An axis for values from `low` to `high` (finite, below 1e100 in size) with about `count` ticks,
/// one at each end. Equal values get room around them.
ChartAxis value_axis(double low, double high, int count);
/// An axis for whole numbers, from the lowest to the highest, with ticks at whole numbers.
ChartAxis step_axis(double low, double high, int count);

/// A label for each tick, with the decimals that the step needs and the same unit: "0.5", "20 K"
/// (large numbers) or "2e-4" (small ones). Zero is "0".
std::vector<std::string> tick_labels(const ChartAxis& axis);

}  // namespace expandft
