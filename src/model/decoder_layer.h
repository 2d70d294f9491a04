#pragma once

#include "families/decoder_spec.h"
#include "kernels/attention.h"
#include "model/gated_mlp.h"
#include "model/rope.h"
#include "model/token_tensors.h"
#include "model/weights.h"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The attention of a layer: (layer, q (N, heads, dim), k and v (N, kv_heads, dim)) before RoPE ->
/// (N, heads, dim).
using Attend = std::function<at::Tensor(std::int64_t, const at::Tensor&, const at::Tensor&,
                                        const at::Tensor&)>;

/// angles_of(kind) for each kind of attention; nothing for kinds that do not rotate.
template <typename AnglesOf>
std::vector<RopeAngles> attention_angles(const DecoderSpec& spec, AnglesOf angles_of) {
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec.attention_kinds) {
    angles.push_back(kind.rotates ? angles_of(kind) : RopeAngles());
  }
  return angles;
}

AttentionOptions attention_options(const DecoderSpec& spec, std::int64_t layer);
/// Causal attention of a pack of whole sequences, with RoPE angles in `dtype`. The spec must
/// outlive the result.
Attend batch_attention(const DecoderSpec& spec, const TokenTensors& tokens, at::ScalarType dtype);

/// Scales rows of the embedding for the first layer: (N, h) -> (N, h).
at::Tensor scaled_embedding(const at::Tensor& rows, const DecoderSpec& spec);

/// Keys and values of a layer, after their norms and before RoPE: (N, kv_heads, dim) each.
struct KeysAndValues {
  at::Tensor keys, values;
};

/// Whether later layers use the keys and values of this one.
bool is_key_source(const DecoderSpec& spec, std::int64_t index);

/// What reaches a layer beside the residual stream.
struct LayerInputs {
  std::vector<at::Tensor> own;                   // of each layer (N, P); empty: none has any
  std::map<std::int64_t, KeysAndValues> shared;  // of spec.key_sources that have run
};

/// The layers' own inputs, from token ids (N), on the host so that nothing waits for the device,
/// and x (N, h), the scaled embedding of the same tokens -> (N, P) for each layer. Empty if the
/// model has none.
std::vector<at::Tensor> own_inputs(const DecoderSpec& spec, const LayerInputWeights& weights,
                                   const at::Tensor& host_ids, const at::Tensor& x);

/// One layer, attention and MLP with their norms and residuals: (N, h) -> (N, h). The MLP is passed
/// apart from the weights because expansion replaces it. `inputs` takes the layer's keys and values
/// if later ones use them.
at::Tensor decoder_layer(const DecoderSpec& spec, std::int64_t index, const LayerWeights& weights,
                         const Mlp& mlp, const at::Tensor& x, const Attend& attend,
                         LayerInputs& inputs);

/// What the head multiplies, from the last layer's output: (N, h) -> (N, h). With the spec's scale
/// of logits, which costs V / h times less here than on the logits.
at::Tensor head_input(const DecoderSpec& spec, const at::Tensor& x, const at::Tensor& final_norm);

}  // namespace expandft
