#include "training/health.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace expandft {
namespace {

/// The upper one of the middle two when their number is even.
double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

std::optional<std::pair<const char*, double>> StepNumbers::non_finite_loss() const {
  for (const auto& [what, value] : {std::pair("loss", loss),
                                    {"weighted loss", weighted_loss.value_or(0)},
                                    {"retention loss", retention.value_or(0)},
                                    {"retention loss", retention_loss.value_or(0)},
                                    {"retention loss", data_retention.value_or(0)}}) {
    if (!std::isfinite(value)) return std::pair(what, value);
  }
  return {};
}

std::optional<std::pair<const char*, double>> StepNumbers::non_finite() const {
  if (const auto found = non_finite_loss()) return found;
  if (!std::isfinite(gradient_norm)) return std::pair("gradient norm", gradient_norm);
  return {};
}

bool StepNumbers::has_overflow() const {
  return !non_finite_loss() && !std::isfinite(gradient_norm);
}

double LossScale::at(std::int64_t step) const {
  constexpr std::int64_t kMostDoublings = 64;  // far beyond kMost
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

GradientNorms::GradientNorms(std::vector<double> recent) : recent_(std::move(recent)) {
  if (recent_.size() > kWindow) recent_.erase(recent_.begin(), recent_.end() - kWindow);
}

std::optional<double> GradientNorms::add(double norm) {
  std::optional<double> exceeded;
  if (recent_.size() >= kFewest) {
    const double middle = median(recent_);
    // When most gradients were 0 (there was nothing to learn), any other norm would be an outlier.
    if (middle > 0 && norm > kFactor * middle) exceeded = middle;
  }
  if (recent_.size() == kWindow) recent_.erase(recent_.begin());
  recent_.push_back(norm);
  return exceeded;
}

std::optional<std::int64_t> WarningLimit::show(std::int64_t step) {
  if (last_shown_ && step - *last_shown_ < kPause) {
    ++suppressed_;
    return {};
  }
  last_shown_ = step;
  return std::exchange(suppressed_, 0);
}

fs::path diverged_file(const fs::path& run) {
  return run / "diverged.json";
}

Error diverged(std::int64_t step, const char* what, double value, bool is_float16) {
  const std::string precision = is_float16
                                    ? "float16 holds no number above 65504: compute in bfloat16 or "
                                      "float32 (training.precision); or "
                                    : "";
  return Error(ExitCode::kDiverged,
               std::string("training diverged: the ") + what + " is " + std::to_string(value),
               "step " + std::to_string(step),
               precision +
                   "lower training.learning_rate or lengthen training.warmup and start again with "
                   "--restart, or look at the data of this step");
}

Error diverged_with_snapshot(const Error& error, const fs::path& snapshot, bool is_before) {
  const std::string weights =
      is_before ? "the weights before this step are good, and saved in "
                : "the steps before it had damaged the weights already; the last good ones are in ";
  return Error(
      error.code(), error.message(), error.where(),
      weights + snapshot.string() +
          ". To continue from there, lower training.learning_rate and use --resume: once "
          "training has diverged, training.lr_scheduler, warmup and max_grad_norm may change too. "
          "Or look at the data of this step, or start again with --restart");
}

}  // namespace expandft
