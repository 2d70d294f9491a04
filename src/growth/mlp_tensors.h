#pragma once

#include "checkpoint/safetensors.h"
#include "families/decoder_spec.h"

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A tensor of a checkpoint that grows with the width of an MLP.
struct MlpTensor {
  std::int64_t layer = 0;
  /// One projection or, in a fused tensor, several whose rows are concatenated: gate_proj, up_proj.
  std::vector<std::string> projections;
  std::string part;  // "weight" or "bias"

  bool is_down() const { return projections.front() == "down_proj"; }
  std::int64_t dim() const { return is_down() ? 1 : 0; }  // the dimension that grows
  std::int64_t sections() const { return static_cast<std::int64_t>(projections.size()); }
  /// The part of the i-th projection, as a view.
  at::Tensor section(const at::Tensor& tensor, std::int64_t i) const {
    const std::int64_t size = tensor.size(dim()) / sections();
    return tensor.narrow(dim(), i * size, size);
  }
};

/// All tensors that grow, by their names in the checkpoint, including biases that the model may not
/// have. The bias of down is not among them: it is added once for all copies.
std::map<std::string, MlpTensor> mlp_tensors(const DecoderSpec& spec);

}  // namespace expandft
