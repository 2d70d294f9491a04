#include "training/gradient_norms.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// Of an even number the upper one of the middle two.
double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

GradientNorms::GradientNorms(std::vector<double> recent) : recent_(std::move(recent)) {
  if (recent_.size() > kWindow) recent_.erase(recent_.begin(), recent_.end() - kWindow);
}

std::optional<double> GradientNorms::add(double norm) {
  std::optional<double> exceeded;
  if (recent_.size() >= kFewest) {
    const double middle = median(recent_);
    // Gradients that were 0 (nothing to learn) say nothing of what is usual.
    if (middle > 0 && norm > kFactor * middle) exceeded = middle;
  }
  if (recent_.size() == kWindow) recent_.erase(recent_.begin());
  recent_.push_back(norm);
  return exceeded;
}

std::optional<std::int64_t> WarningLimit::show(std::int64_t step) {
  if (last_shown_ && step - *last_shown_ < kPause) {
    ++held_back_;
    return {};
  }
  last_shown_ = step;
  return std::exchange(held_back_, 0);
}

}  // namespace expandft
