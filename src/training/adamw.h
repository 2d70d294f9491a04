#pragma once

#include "config/run_config.h"
#include "model/adaptation.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// AdamW (arXiv 1711.05101) over flat buffers: parameters, gradients and both moments are four
/// arrays, so that a step is a handful of kernels however many tensors train. The tensors given
/// become views of the buffers, require gradients, and gather them in place. Weight decay falls on
/// matrices, not on biases and norms. Nothing here waits for the device.
class AdamW {
 public:
  AdamW(const std::vector<Parameter>& parameters, const TrainingConfig& training);

  void zero_grad() { gradients_.zero_(); }
  /// L2 norm of all gradients together, a scalar on their device.
  at::Tensor gradient_norm() const;
  /// The next step scales the gradients to the norm `clip` when `norm` exceeds it; 0 leaves them.
  void clip_gradients(const at::Tensor& norm, double clip);
  /// Where `is_good` (a bool, on the device) is false, steps change nothing from the next one on,
  /// until set_steps: what was before a step that diverged stays.
  void stop_unless(const at::Tensor& is_good);
  void step(double learning_rate);

  std::int64_t steps() const { return steps_; }
  std::int64_t parameter_count() const;

  /// First and second moments by parameter, named "<parameter>.exp_avg" and ".exp_avg_sq".
  NamedTensors moments() const;
  /// Takes up after so many steps: those of a snapshot whose moments were copied into those of
  /// moments(), or those before one that diverged.
  void set_steps(std::int64_t steps);

 private:
  /// A stretch of the buffers that is updated alike.
  struct Group {
    std::int64_t begin = 0, end = 0;  // padding included
    double rate_scale = 1;
    bool decays = false;
  };
  void step_group(const Group& group, double learning_rate);

  TrainingConfig training_;
  std::vector<Parameter> views_;  // group by group
  std::vector<Group> groups_;
  // (all views, each padded to kAlignment numbers; the padding stays 0)
  at::Tensor parameters_, gradients_, first_moments_, second_moments_;
  at::Tensor gradient_divisor_;  // of the next step, a scalar; undefined: 1
  at::Tensor is_stopped_;        // 0 or 1, a scalar
  std::int64_t steps_ = 0;
};

}  // namespace expandft
