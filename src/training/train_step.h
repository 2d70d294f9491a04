#pragma once

#include "model/decoder.h"
#include "training/adamw.h"
#include "training/batch_stream.h"
#include "training/loss_scale.h"
#include "training/prefix_cache.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// What a rank tells the others with a step.
struct RankNotes {
  double signals = 0;  // 1 when one came that is to end the run
  double seconds = 0;  // that a step takes it
};

/// What one optimizer step did.
struct StepResult {
  double loss = 0;  // mean nats a target, over the whole step
  double gradient_norm = 0;
  std::optional<double> retention;  // mean KL(base ‖ tuned), nats a token, before its weight
  std::int64_t tokens = 0, targets = 0;
  RankNotes notes;  // of all ranks, added up

  /// What of it is not finite, and its value; nothing when training goes well.
  std::optional<std::pair<const char*, double>> not_finite() const;
  /// Whether the losses are finite, and their gradients are not.
  bool has_overflow() const;
};

/// A step that a device was told to take, and that it may still be busy with.
struct QueuedStep {
  // (5 or 4), float64, on the device: loss, gradient norm, the ranks' notes, retention
  at::Tensor numbers;
  std::int64_t tokens = 0, targets = 0;
};

/// A further term of the loss, a sum that is divided.
struct FurtherTerm {
  double divisor = 1;
  /// Adds the term's gradients, times `factor`; returns its value, a scalar on the device.
  std::function<at::Tensor(double factor)> backward;
};

/// Gradients of a step's mean loss over all its targets: pieces are weighted by their targets, so
/// that (8 × 1) equals (1 × 8 accumulated). Then clips, and takes an AdamW step. Nothing waits for
/// the device. When loss or gradients are not finite, this step and all that follow change nothing,
/// until the optimizer's set_steps. `prefix`, where given, has the states that the frozen layers
/// compute of the batch's examples. The optimizer's ranks all call this, each with its share of the
/// batch; the numbers are of the whole step on all. `loss_scale`, where given (LossScale), is what
/// backward's loss, the sum over the targets, is multiplied by, and the further term's sum as well;
/// the fp32 gradients are divided by it, and by the targets or the divisor, afterwards.
QueuedStep queue_step(const Decoder& decoder, AdamW& optimizer, const StepBatch& batch,
                      double learning_rate, double max_grad_norm,
                      const std::optional<FurtherTerm>& further = {}, PrefixCache* prefix = nullptr,
                      const RankNotes& notes = {}, std::optional<double> loss_scale = {});

/// A fresh loss scale where one is needed: for float16.
std::optional<LossScale> loss_scale_for(at::ScalarType compute_dtype);

/// Waits for the steps, and says what they did.
std::vector<StepResult> results_of(std::span<const QueuedStep> steps);

/// Mean loss (nats a target) over a data set, without gradients. Nothing when `stop`, which is
/// asked before each piece of `tokens_at_once`, says to stop. The ranks of a group share the pieces
/// out; none of them may stop alone.
std::optional<double> mean_loss(const Decoder& decoder, const Dataset& dataset,
                                std::int64_t tokens_at_once, const std::function<bool()>& stop = {},
                                const RankGroup& group = RankGroup::alone());

}  // namespace expandft
