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
/// matrices, not on biases and norms.
class AdamW {
 public:
  AdamW(const std::vector<Parameter>& parameters, const TrainingConfig& training);

  void zero_grad() { gradients_.zero_(); }
  /// L2 norm of all gradients together.
  double gradient_norm() const;
  /// Scales the gradients to the norm `clip` when `norm` exceeds it; 0 leaves them alone.
  void clip_gradients(double norm, double clip);
  void step(double learning_rate);

  std::int64_t steps() const { return steps_; }
  std::int64_t parameter_count() const;

  /// First and second moments by parameter, named "<parameter>.exp_avg" and ".exp_avg_sq".
  NamedTensors moments() const;
  /// Takes up after a snapshot, whose moments were copied into those of moments().
  void set_steps(std::int64_t steps) { steps_ = steps; }

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
  std::int64_t steps_ = 0;
};

}  // namespace expandft
