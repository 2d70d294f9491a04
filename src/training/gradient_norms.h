#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace expandft {

/// Finds gradient norms far above those of the steps before: a damaged row of data, or the first
/// sign of a run that diverges.
class GradientNorms {
 public:
  static constexpr std::size_t kWindow = 50;  // norms that the median is taken of
  static constexpr std::size_t kFewest = 20;  // before it is trusted
  static constexpr double kFactor = 10;       // times the median

  GradientNorms() = default;
  /// Goes on after norms that recent() gave; the newest kWindow count.
  explicit GradientNorms(std::vector<double> recent);

  /// Takes a norm in. The median of those before it when the norm is an outlier, else nothing.
  std::optional<double> add(double norm);
  /// Oldest first.
  const std::vector<double>& recent() const { return recent_; }

 private:
  std::vector<double> recent_;
};

/// Whether an outlier's warning is shown: the first, and one again each kPause steps. All are
/// logged.
class WarningLimit {
 public:
  static constexpr std::int64_t kPause = 100;  // steps

  /// How many warnings were held back since the last one shown, when this one is to be shown.
  std::optional<std::int64_t> show(std::int64_t step);

 private:
  std::optional<std::int64_t> last_shown_;
  std::int64_t held_back_ = 0;
};

}  // namespace expandft
