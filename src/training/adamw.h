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
/// arrays, so that a step is a handful of kernels however many tensors train. The tensors given
/// become views of the buffers, require gradients, and gather them in place. Weight decay falls on
/// matrices, not on biases and norms. Nothing here waits for the device.
///
/// Several ranks cut the buffers into equal shares. A rank has the moments of its share alone,
/// receives the sum of all ranks' gradients there, updates it, and sends it to the others (ZeRO
/// stage 1, arXiv 1910.02054). When they compute in less than fp32, the tensors become of that
/// dtype, and only the owner of a share has the fp32 weights (masters) that they are rounded from.
/// All ranks call the same functions in the same order.
class AdamW {
 public:
  /// `group` must outlive it. The tensors (fp32) of rank 0 go to all. `compute_dtype`: of the
  /// tensors from then on, with several ranks.
  AdamW(const std::vector<Parameter>& parameters, const TrainingConfig& training,
        const RankGroup& group = RankGroup::alone(), at::ScalarType compute_dtype = at::kFloat);

  void zero_grad() { gradients_.zero_(); }
  /// What this rank has gathered so far; not once gradients set out.
  void scale_gradients(double by) { gradients_.mul_(by); }
  /// Says that the next backward is the last of this step, so that gradients may set out.
  void begin_reduction();
  /// Waits for the gradients of this rank's share.
  void finish_reduction();
  /// The squared L2 norm of the gradients of this rank's share: a scalar on their device, float64.
  at::Tensor squared_norm() const;
  /// The next step divides the gradients by `factor`, and scales them to the norm `clip` when
  /// `norm`, theirs after the division, exceeds it; a clip of 0 leaves them.
  void clip_gradients(const at::Tensor& norm, double clip, double factor = 1);
  /// Where `is_good` (a bool, on the device) is false, steps change nothing from the next one on,
  /// until set_steps: what was before a step that diverged stays.
  void stop_unless(const at::Tensor& is_good);
  void step(double learning_rate);

  std::int64_t steps() const { return steps_; }
  std::int64_t parameter_count() const;
  const RankGroup& group() const { return group_; }

  /// The fp32 weights by parameter, and first and second moments, named "<parameter>.exp_avg" and
  /// ".exp_avg_sq": sources for rank 0 to write, in this order, weights first, and all of them. The
  /// other ranks call send_state meanwhile.
  std::vector<TensorSource> weights() const;
  std::vector<TensorSource> moments() const;
  void send_state() const;
  /// Gives what weights() or moments() had under a name, in the parameter's shape.
  using ReadTensor = std::function<at::Tensor(const std::string& name)>;
  /// Takes up after so many steps, with the weights and moments that `read` gives; only rank 0's is
  /// asked.
  void restore(std::int64_t steps, const ReadTensor& read);
  /// The same of the weights alone.
  void restore_weights(const ReadTensor& read);
  /// Goes back to so many steps, those before one that diverged.
  void set_steps(std::int64_t steps);
  /// No step comes any more: gradients are freed, and all ranks' tensors are the fp32 weights.
  void finish();

 private:
  /// A stretch of the buffers that is updated alike.
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
  std::int64_t share_ = 0;  // numbers of the buffers that each rank owns
  // (all views, each padded to kFlatAlignment numbers, and the ranks' shares filled up; padding
  // stays 0)
  at::Tensor parameters_, gradients_;
  at::Tensor masters_;                         // (share_), fp32; a part of parameters_ if these are
  at::Tensor first_moments_, second_moments_;  // (share_)
  at::Tensor gradient_divisor_;                // of the next step, a scalar; undefined: 1
  at::Tensor is_stopped_;                      // 0 or 1, a scalar
  std::optional<GradientReduction> reduction_;  // with several ranks
  std::int64_t steps_ = 0;
};

}  // namespace expandft
