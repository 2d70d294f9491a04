#pragma once

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// The numbers of a step that show whether training is healthy.
struct StepNumbers {
  double loss = 0;                      // mean over the step's targets, each counting once: nats
  double gradient_norm = 0;             // before clipping
  std::optional<double> weighted_loss;  // with token weights: the mean that trains
  // Terms of retention, before their weight: mean KL(base ‖ tuned) in nats per token of its text,
  // the mean loss on it, and mean KL(base ‖ tuned) in nats per target of the step's own data.
  std::optional<double> retention, retention_loss, data_retention;

  /// The name and value of the first number that is NaN or infinite, if any.
  std::optional<std::pair<const char*, double>> non_finite() const;
  /// Whether the losses are finite but their gradients are not.
  bool has_overflow() const;

 private:
  std::optional<std::pair<const char*, double>> non_finite_loss() const;
};

/// The loss scale of float16, whose numbers range from 6e-8 to 65504: the loss is multiplied by it
/// before backward, and the float32 gradients are divided by it again (mixed precision training,
/// arXiv 1710.03740). It is a power of two, so scaling adds no rounding error. It applies to the
/// sum over the targets, not to their mean. It doubles every kPatience steps and halves when
/// gradients overflow. It depends only on the step, so a resumed run, or one that queues its steps
/// differently, uses the same values.
class LossScale {
 public:
  static constexpr double kFirst = 16, kLeast = 0x1p-14, kMost = 65536;
  static constexpr std::int64_t kPatience = 1000;  // steps

  /// The scale of a step, counted from 0.
  double at(std::int64_t step) const;
  /// Halves the scale from this step on, because its gradients overflowed. Returns false, and
  /// changes nothing, when that would be below kLeast: then scaling cannot help.
  bool lower(std::int64_t step);

  /// As in a snapshot's state.json.
  Json json() const;
  /// Input error or a JSON exception when it is not what json() writes.
  static LossScale parse(const Json& json);

 private:
  double value_ = kFirst;
  std::int64_t since_ = 0;  // the step at which the value was set
};

/// Finds gradient norms far above those of the steps before: caused by a damaged row of data, or
/// the first sign of a run that is about to diverge.
class GradientNorms {
 public:
  static constexpr std::size_t kWindow = 50;  // steps whose median is compared with
  static constexpr std::size_t kFewest = 20;  // below this the median is not trusted
  static constexpr double kFactor = 10;       // an outlier exceeds this many medians

  GradientNorms() = default;
  /// Continues from the norms that recent() returned; only the newest kWindow are used.
  explicit GradientNorms(std::vector<double> recent);

  /// Records a norm. When it is an outlier, returns the median of the norms before it.
  std::optional<double> add(double norm);
  /// Oldest first.
  const std::vector<double>& recent() const { return recent_; }

 private:
  std::vector<double> recent_;
};

/// Limits the warnings about outliers to one every kPause steps. The metrics log has all of them.
class WarningLimit {
 public:
  static constexpr std::int64_t kPause = 100;  // steps

  /// When the warning of this step should be shown: how many were suppressed since the last one.
  std::optional<std::int64_t> show(std::int64_t step);

 private:
  std::optional<std::int64_t> last_shown_;
  std::int64_t suppressed_ = 0;
};

/// The file that marks a run directory whose training diverged. While it exists, --resume accepts
/// other values for the keys in kMayChangeAfterDiverging.
fs::path diverged_file(const fs::path& run);
inline constexpr const char* kMayChangeAfterDiverging[] = {
    "training.learning_rate", "training.min_lr_ratio", "training.lr_scheduler", "training.warmup",
    "training.max_grad_norm"};

/// The error of a run that diverged at `step` (counted from 1): the number `what` has the value
/// `value`.
Error diverged(std::int64_t step, const char* what, double value, bool is_float16);
/// The same error with a hint that says how to resume from `snapshot`, the newest with finite
/// weights: those from just before the step (`is_before`), or older ones.
Error diverged_with_snapshot(const Error& error, const fs::path& snapshot, bool is_before);

}  // namespace expandft
