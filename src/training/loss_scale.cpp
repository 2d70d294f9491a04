#include "training/loss_scale.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>

namespace expandft {

double LossScale::at(std::int64_t step) const {
  constexpr std::int64_t kMostDoublings = 64;  // far past kMost
  const std::int64_t doublings = std::min((step - since_) / kPatience, kMostDoublings);
  return std::min(kMost, std::ldexp(value_, static_cast<int>(doublings)));
}

bool LossScale::lower(std::int64_t step) {
  const double half = at(step) / 2;
  if (half < kLeast) return false;
  value_ = half;
  since_ = step;
  return true;
}

Json LossScale::json() const {
  return {{"value", value_}, {"since", since_}};
}

LossScale LossScale::parse(const Json& json) {
  LossScale scale;
  scale.value_ = json.at("value").get<double>();
  scale.since_ = json.at("since").get<std::int64_t>();
  int exponent = 0;
  const bool is_good = scale.value_ >= kLeast && scale.value_ <= kMost &&
                       std::frexp(scale.value_, &exponent) == 0.5 && scale.since_ >= 0;
  if (!is_good) throw input_error("\"loss_scale\" is " + json.dump() + "; expected a power of two");
  return scale;
}

}  // namespace expandft
