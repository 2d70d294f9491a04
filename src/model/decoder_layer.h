#pragma once

#include "families/decoder_spec.h"
#include "kernels/attention.h"
#include "model/gated_mlp.h"
#include "model/token_tensors.h"
#include "model/weights.h"

#include <cstdint>
#include <functional>

#include <ATen/ATen.h>

namespace expandft {

/// The attention of a layer: (layer, q (N, heads, dim), k and v (N, kv_heads, dim)) before RoPE ->
/// (N, heads, dim).
using Attend = std::function<at::Tensor(std::int64_t, const at::Tensor&, const at::Tensor&,
                                        const at::Tensor&)>;

AttentionOptions attention_options(const DecoderSpec& spec, std::int64_t layer);
/// Causal attention of a pack of whole sequences, with RoPE angles in `dtype`. The spec must
/// outlive the result.
Attend batch_attention(const DecoderSpec& spec, const TokenTensors& tokens, at::ScalarType dtype);

/// Scales rows of the embedding for the first layer: (N, h) -> (N, h).
at::Tensor scaled_embedding(const at::Tensor& rows, const DecoderSpec& spec);

/// One layer, attention and MLP with their norms and residuals: (N, h) -> (N, h). The MLP is passed
/// apart from the weights because expansion replaces it.
at::Tensor decoder_layer(const DecoderSpec& spec, std::int64_t index, const LayerWeights& weights,
                         const Mlp& mlp, const at::Tensor& x, const Attend& attend);

}  // namespace expandft
