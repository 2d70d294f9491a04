#pragma once

#include "base/json.h"

#include <cstdint>

namespace expandft {

/// What the loss is multiplied by before backward where float16 is computed in, which holds no
/// number below 6e-8 and none above 65504 (mixed precision training, arXiv 1710.03740): a power of
/// two, so that nothing is rounded otherwise. It is of the loss's sum over the targets: gradients
/// are divided by their number afterwards, in fp32. It doubles after each kPatience steps, and
/// halves when gradients overflow. It depends on the steps alone, so that a run that is resumed, or
/// queues its steps otherwise, has the same.
class LossScale {
 public:
  static constexpr double kFirst = 16, kLeast = 0x1p-14, kMost = 65536;
  static constexpr std::int64_t kPatience = 1000;  // steps

  /// Of a step by its index.
  double at(std::int64_t step) const;
  /// The gradients of this step overflowed: it and those after it get half. False when that would
  /// be less than kLeast: then it is not the scale that is at fault.
  bool lower(std::int64_t step);

  /// As in a snapshot's state.json.
  Json json() const;
  /// Input error, or an exception of Json's, when it is not what json() makes.
  static LossScale parse(const Json& json);

 private:
  double value_ = kFirst;
  std::int64_t since_ = 0;  // step that it was set at
};

}  // namespace expandft
