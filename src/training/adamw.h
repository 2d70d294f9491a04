#pragma once

#include "checkpoint/safetensors.h"
#include "config/run_config.h"
#include "model/adaptation.h"
#include "runtime/rank_group.h"
#include "training/gradient_reduction.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// AdamW (arXiv 1711.05101) over flat buffers: parameters, gradients and both moments are four
/// arrays, so a step takes a handful of kernels for any number of tensors. The given tensors become
/// views of the buffers, require gradients, and accumulate them in place. Weight decay applies to
/// matrices, not to biases and norms. Nothing here waits for the device.
///
/// Several ranks divide the buffers into equal shares. A rank keeps the moments of its own share
/// only, receives the sum of all ranks' gradients for it, updates it, and sends it to the others
/// (ZeRO stage 1, arXiv 1910.02054). When they compute in a narrower dtype than fp32, the tensors
/// get that dtype, and only the owner of a share has the fp32 weights (masters) that they are
/// rounded from. All ranks call the same functions in the same order.
///
/// With training.ema β it keeps an average of the weights in fp32, each rank of its own share:
/// after t steps Σ β^(t−i)·(1 − β)/(1 − β^t)·w_i over the weights w_1 … w_t after each step. The
/// weights before the first step do not count, so the average of a short run is not held back by
/// them.
class AdamW {
 public:
  /// `group` must outlive it. All ranks start from the tensors (fp32) of rank 0. With several ranks
  /// the tensors have `compute_dtype` from then on.
  AdamW(const std::vector<Parameter>& parameters, const TrainingConfig& training,
        const RankGroup& group = RankGroup::alone(), at::ScalarType compute_dtype = at::kFloat);

  void zero_grad() { gradients_.zero_(); }
  /// Multiplies this rank's accumulated gradients. Not after begin_reduction.
  void scale_gradients(double by) { gradients_.mul_(by); }
  /// To be called before the last backward of a step: from then on gradients are sent as soon as
  /// they are complete.
  void begin_reduction();
  /// Waits until this rank's share has the gradients of all ranks.
  void finish_reduction();
  /// The squared L2 norm of the gradients in this rank's share: a float64 scalar on their device.
  at::Tensor squared_norm() const;
  /// The next step divides the gradients by `factor`. When `norm`, their norm after this division,
  /// exceeds `clip`, it scales them down to that norm; 0: it does not.
  void clip_gradients(const at::Tensor& norm, double clip, double factor = 1);
  /// When `is_good` (a bool on the device) is false, the next step and all later ones change
  /// nothing, until set_steps. So the weights from before a step with non-finite numbers are kept.
  void stop_unless(const at::Tensor& is_good);
  void step(double learning_rate);

  /// Whether it keeps an average, of which there is none before the first step.
  bool has_average() const { return average_.defined(); }
  /// Exchanges the weights and their average, on all ranks: the tensors hold the average until the
  /// next call. Not around a step.
  void swap_average();

  std::int64_t steps() const { return steps_; }
  std::int64_t parameter_count() const;
  const RankGroup& group() const { return group_; }

  /// The fp32 weights by parameter name, and the first and second moments, named
  /// "<parameter>.exp_avg" and ".exp_avg_sq", with the average as ".average". Rank 0 must write all
  /// of these sources in order, the weights first, while the other ranks call send_state.
  std::vector<TensorSource> weights() const;
  std::vector<TensorSource> moments() const;
  void send_state() const;
  /// Returns a tensor of weights() or moments() by its name, in the parameter's shape.
  using ReadTensor = std::function<at::Tensor(const std::string& name)>;
  /// Resumes after `steps` steps with the weights and moments that `read` returns. It is called on
  /// rank 0 only.
  void restore(std::int64_t steps, const ReadTensor& read);
  /// Restores only the weights.
  void restore_weights(const ReadTensor& read);
  /// Sets the count of steps back after steps that changed nothing, and lifts stop_unless.
  void set_steps(std::int64_t steps);
  /// After the last step: frees the gradients, and gives all ranks the fp32 weights.
  void finish();

 private:
  /// A range of the buffers with the same learning rate and weight decay.
  struct Group {
    FlatRange range;  // padding included
    double rate_scale = 1;
    bool decays = false;
  };
  struct View {
    Parameter parameter;
    FlatRange range;
  };
  FlatRange share_of(int rank) const { return {rank * share_, (rank + 1) * share_}; }
  void update(const Group& group, double learning_rate);
  void update_average();
  bool has_masters() const { return parameters_.scalar_type() != at::kFloat; }
  template <typename Visit>
  void for_each_moment(Visit visit) const;
  TensorSource source(std::string name, const View& one, const at::Tensor& share) const;
  at::Tensor gathered(const at::Tensor& share, const FlatRange& range) const;
  void scatter(const at::Tensor& share, const FlatRange& range, const at::Tensor& whole) const;
  void read_into(const at::Tensor& share, const View& one, const std::string& name,
                 const ReadTensor& read) const;
  void share_parameters() const;

  const RankGroup& group_;
  TrainingConfig training_;
  std::vector<View> views_;  // group by group
  std::vector<Group> groups_;
  std::int64_t share_ = 0;  // elements of each buffer that a rank owns
  // All views, each padded to kFlatAlignment elements; the last share is padded too. Padding is 0.
  at::Tensor parameters_, gradients_;
  at::Tensor masters_;  // (share_), fp32; a part of parameters_ when these are fp32
  at::Tensor first_moments_, second_moments_;   // (share_)
  at::Tensor average_;                          // (share_), fp32; undefined without training.ema
  at::Tensor gradient_divisor_;                 // for the next step, a scalar; undefined: 1
  at::Tensor is_stopped_;                       // 0 or 1, a scalar
  std::optional<GradientReduction> reduction_;  // with several ranks
  std::int64_t steps_ = 0;
};

}  // namespace expandft
