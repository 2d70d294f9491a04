#pragma once

#include "checkpoint/safetensors.h"
#include "families/decoder_spec.h"

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A tensor of a checkpoint that widens with an MLP.
struct MlpTensor {
  std::int64_t layer = 0;
  /// One, or, in a fused tensor, several, whose rows lie one below the other: gate_proj, up_proj.
  std::vector<std::string> projections;
  std::string part;  // "weight" or "bias"

  bool is_down() const { return projections.front() == "down_proj"; }
  std::int64_t dim() const { return is_down() ? 1 : 0; }  // the one that widens
  std::int64_t sections() const { return static_cast<std::int64_t>(projections.size()); }
  /// The i-th projection's part of the tensor, as a view.
  at::Tensor section(const at::Tensor& tensor, std::int64_t i) const {
    const std::int64_t size = tensor.size(dim()) / sections();
    return tensor.narrow(dim(), i * size, size);
  }
};

/// Every tensor that widens, by its name in the checkpoint. The bias of down is none of them: it
/// stands outside of every copy. Names of biases are listed whether the model has them or not.
std::map<std::string, MlpTensor> mlp_tensors(const DecoderSpec& spec);

}  // namespace expandft
