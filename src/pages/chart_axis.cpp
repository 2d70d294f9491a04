#include "pages/chart_axis.h"

#include "report/human.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace expandft {
namespace {

/// The smallest of 1, 2 and 5 times a power of ten that divides a length into at most `count`
/// steps.
double round_step(double length, int count) {
  const double least = length / count;
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    // A rounding error of the division must not select the next larger step.
    if (digit * power >= least * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

void add_ticks(ChartAxis& axis) {
  // Multiples, not sums: ticks stay round, and the loop ends for every input.
  const double first = std::ceil(axis.low / axis.step - 1e-6);
  const double last = std::floor(axis.high / axis.step + 1e-6);
  for (double i = first; i <= last && axis.ticks.size() < 100; i += 1) {
    axis.ticks.push_back(i == 0 ? 0.0 : i * axis.step);
  }
}

int decimals_of(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
}

}  // namespace

ChartAxis value_axis(double low, double high, int count) {
  // Differences below a billionth of the numbers are rounding errors.
  const double size = std::max(std::abs(low), std::abs(high));
  if (!(high - low > std::max(size * 1e-9, 1e-100))) {
    const double room = size > 1e-90 ? size / 10 : 1.0;
    high += room;
    low -= low == 0 ? 0 : room;
  }
  ChartAxis axis;
  axis.step = round_step(high - low, count);
  axis.low = std::floor(low / axis.step + 1e-6) * axis.step;
  axis.high = std::ceil(high / axis.step - 1e-6) * axis.step;
  add_ticks(axis);
  return axis;
}

ChartAxis step_axis(double low, double high, int count) {
  ChartAxis axis;
  axis.low = low;
  axis.high = high > low ? high : low + 1;
  axis.step = std::max(1.0, round_step(axis.high - axis.low, count));
  add_ticks(axis);
  return axis;
}

std::vector<std::string> tick_labels(const ChartAxis& axis) {
  double size = 0;
  for (const double tick : axis.ticks) size = std::max(size, std::abs(tick));
  double divisor = 1;
  std::string unit;
  static constexpr std::array kPrefixes = {" K", " M", " B", " T"};
  const int exponent = size > 0 ? static_cast<int>(std::floor(std::log10(size) + 1e-9)) : 0;
  if (size >= 1e4 && exponent < 15) {
    const int thousands = exponent / 3;
    divisor = std::pow(1000.0, thousands);
    unit = kPrefixes[static_cast<std::size_t>(thousands) - 1];
  } else if (size > 0 && (exponent < -2 || exponent >= 15)) {
    divisor = std::pow(10.0, exponent);
    unit = "e" + std::to_string(exponent);
  }
  std::vector<std::string> labels;
  for (const double tick : axis.ticks) {
    labels.push_back(tick == 0 ? "0"
                               : fixed(tick / divisor, decimals_of(axis.step / divisor)) + unit);
  }
  return labels;
}

}  // namespace expandft
