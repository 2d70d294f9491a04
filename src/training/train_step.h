#pragma once

#include "model/decoder.h"
#include "training/adamw.h"
#include "training/batch_stream.h"
#include "training/health.h"
#include "training/prefix_cache.h"
#include "training/step_loss.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// What each rank sends to the others along with a step.
struct RankNotes {
  double signals = 0;  // 1 when this rank received a signal that ends the run
  double seconds = 0;  // that a step takes here
};

/// The results of one optimizer step, over all ranks.
struct StepResult : StepNumbers {
  std::int64_t tokens = 0, targets = 0;
  RankNotes notes;  // summed over the ranks
};

/// Which of the numbers that not every run has a step has.
struct StepTerms {
  bool weighted_loss = false, data_retention = false;
  bool retention = false, retention_loss = false;
};

/// A step that was handed to the device, which may still be computing it.
struct QueuedStep {
  // (8), float64, on the device: loss, gradient norm, RankNotes::signals and ::seconds, weighted
  // loss, data_retention, retention, retention_loss; 0 for those that the step does not have.
  at::Tensor numbers;
  StepTerms terms;
  std::int64_t tokens = 0, targets = 0;
};

/// A further term of the loss: a sum divided by `divisor`.
struct FurtherTerm {
  double divisor = 1;
  bool has_divergence = true, has_loss = false;  // of the numbers that `backward` returns
  /// Adds the term's gradients times `factor`; returns (2), on the device: divergence and loss.
  std::function<at::Tensor(double factor)> backward;
};

/// The optional parts of a step.
struct StepOptions {
  double learning_rate = 0;
  double max_grad_norm = 0;  // 0: gradients are not clipped
  LossOptions loss = {};
  std::optional<FurtherTerm> further = {};
  PrefixCache* prefix = nullptr;          // has the frozen layers' states of the examples
  std::optional<double> loss_scale = {};  // LossScale::at: float16 only
  RankNotes notes = {};
};

/// One training step: forward and backward for each micro-batch, sum over the ranks, clipping,
/// AdamW. The loss is the mean over all targets of the step, so that 8 micro-batches of one pack
/// give the gradients of one micro-batch of 8 packs; with token weights the weighted sum over the
/// number of targets (kStm: over those that count). Nothing waits for the device. When a number of
/// the step is not finite, neither this step nor the following ones change the weights, until
/// AdamW::set_steps. All ranks call this, each with its share of the batch.
///
/// With a loss scale, backward starts from the scale times the sum over the targets (and times the
/// further term's sum), because the gradients of a mean over many targets are too small for
/// float16; the float32 gradients are divided by the scale and by the number of targets afterwards.
QueuedStep queue_step(const Decoder& decoder, AdamW& optimizer, const StepBatch& batch,
                      const StepOptions& options);

/// A new loss scale for float16; none for other dtypes.
std::optional<LossScale> loss_scale_for(at::ScalarType compute_dtype);

/// Waits for the steps and returns their results.
std::vector<StepResult> results_of(std::span<const QueuedStep> steps);

/// Mean loss (nats per target) over a data set, without gradients, in forward passes of about
/// `tokens_at_once` tokens that the ranks of a group share out. Nothing when `stop`, which is
/// called before each pass, returns true; it must do so on all ranks or on none.
std::optional<double> mean_loss(const Decoder& decoder, const Dataset& dataset,
                                std::int64_t tokens_at_once, const std::function<bool()>& stop = {},
                                const RankGroup& group = RankGroup::alone());

}  // namespace expandft
