#include "model/decoder_layer.h"

#include "model/rms_norm.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace expandft {
namespace {

/// A layer's keys and values: its own, or those that it shares.
KeysAndValues keys_and_values(const DecoderSpec& spec, std::int64_t index,
                              const LayerWeights& layer, const at::Tensor& x,
                              const LayerInputs& inputs) {
  if (spec.shares_keys(index)) return inputs.shared.at(spec.key_layer(index));
  const AttentionKind& kind = spec.attention(index);
  const auto heads = [&](const Linear& linear) {
    return linear(x).view({x.size(0), kind.kv_heads, kind.head_dim});
  };
  const auto normed = [&](const at::Tensor& y, const at::Tensor& norm) {
    return norm.defined() ? rms_norm(y, norm, spec.norm_eps, spec.norm) : y;
  };
  const at::Tensor k = heads(layer.attention.k);
  const at::Tensor v = kind.values_are_keys ? k : heads(layer.attention.v);
  at::Tensor unscaled;  // the weight of a norm that has none
  if (spec.value_norm) {
    unscaled = at::full({kind.head_dim}, spec.norm == NormRule::kScaleByOnePlus ? 0 : 1,
                        v.options().requires_grad(false));
  }
  return {normed(k, layer.key_norm), normed(v, unscaled)};
}

at::Tensor attention_block(const DecoderSpec& spec, std::int64_t index, const LayerWeights& layer,
                           const at::Tensor& x, const Attend& attend, LayerInputs& inputs) {
  const AttentionKind& kind = spec.attention(index);
  at::Tensor q = layer.attention.q(x).view({x.size(0), spec.heads, kind.head_dim});
  if (layer.query_norm.defined()) q = rms_norm(q, layer.query_norm, spec.norm_eps, spec.norm);
  const KeysAndValues own = keys_and_values(spec, index, layer, x, inputs);
  if (is_key_source(spec, index)) inputs.shared[index] = own;
  const at::Tensor y = attend(index, q, own.keys, own.values);
  return layer.attention.o(y.reshape({x.size(0), spec.heads * kind.head_dim}));
}

/// What the layer's own input (N, P) adds to the stream x (N, h).
at::Tensor input_block(const DecoderSpec& spec, const LayerWeights& layer, const at::Tensor& x,
                       const at::Tensor& own) {
  const at::Tensor gated = gated_product(layer.input_gate(x), own, spec.activation);
  return rms_norm(layer.input_projection(gated), layer.input_norm, spec.norm_eps, spec.norm);
}

}  // namespace

AttentionOptions attention_options(const DecoderSpec& spec, std::int64_t layer) {
  return {.scale = spec.query_scale,
          .window = spec.attention(layer).window,
          .softcap = spec.attention_softcap};
}

Attend batch_attention(const DecoderSpec& spec, const TokenTensors& tokens, at::ScalarType dtype) {
  std::vector<RopeAngles> angles = attention_angles(spec, [&](const AttentionKind& kind) {
    return rope_angles(kind.rope, kind.rotary_dim, tokens.positions, tokens.offsets, dtype);
  });
  return [&spec, offsets = tokens.offsets, angles = std::move(angles)](
             std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const RopeAngles& turn = angles[spec.kind_of_layer[static_cast<std::size_t>(layer)]];
    return causal_attention(apply_rope_to_queries(q, turn), apply_rope(k, turn), v, offsets,
                            attention_options(spec, layer));
  };
}

at::Tensor scaled_embedding(const at::Tensor& rows, const DecoderSpec& spec) {
  if (spec.embedding_scale == 1) return rows;
  if (!spec.rounds_embedding_scale) return rows * spec.embedding_scale;
  return rows * at::scalar_tensor(spec.embedding_scale, rows.options());
}

bool is_key_source(const DecoderSpec& spec, std::int64_t index) {
  return std::ranges::count(spec.key_sources, index) > 0;
}

std::vector<at::Tensor> own_inputs(const DecoderSpec& spec, const LayerInputWeights& weights,
                                   const at::Tensor& host_ids, const at::Tensor& x) {
  if (spec.layer_input == 0) return {};
  const std::vector<std::int64_t> shape{x.size(0), spec.layers, spec.layer_input};
  const at::Tensor rows =
      weights.embedding.index_select(0, host_ids.to(at::kCPU)).to(x.scalar_type());
  const auto root = std::sqrt(static_cast<double>(spec.layer_input));
  const at::Tensor embedded =
      queued_copy(rows, x.device()) * at::scalar_tensor(root, x.options().requires_grad(false));
  const at::Tensor projected =
      Linear{weights.projection}(x) * (1 / std::sqrt(static_cast<double>(spec.hidden)));
  const at::Tensor context =
      rms_norm(projected.view(shape), weights.norm, spec.norm_eps, spec.norm);
  return ((context + embedded.view(shape)) * std::sqrt(0.5)).unbind(1);
}

at::Tensor decoder_layer(const DecoderSpec& spec, std::int64_t index, const LayerWeights& weights,
                         const Mlp& mlp, const at::Tensor& x, const Attend& attend,
                         LayerInputs& inputs) {
  const auto norm = [&](const at::Tensor& in, const at::Tensor& weight) {
    return rms_norm(in, weight, spec.norm_eps, spec.norm);
  };
  const auto after = [&](const at::Tensor& out, const at::Tensor& weight) {
    const at::Tensor normed = weight.defined() ? norm(out, weight) : out;
    return spec.residual_scale == 1 ? normed : normed * spec.residual_scale;
  };
  const at::Tensor middle =
      x +
      after(attention_block(spec, index, weights, norm(x, weights.attention_norm), attend, inputs),
            weights.after_attention_norm);
  at::Tensor out =
      middle + after(mlp.forward(norm(middle, weights.mlp_norm)), weights.after_mlp_norm);
  if (!inputs.own.empty()) {
    out = out + input_block(spec, weights, out, inputs.own.at(static_cast<std::size_t>(index)));
  }
  return weights.output_scale.defined() ? out * weights.output_scale : out;
}

at::Tensor head_input(const DecoderSpec& spec, const at::Tensor& x, const at::Tensor& final_norm) {
  const at::Tensor y = rms_norm(x, final_norm, spec.norm_eps, spec.norm);
  return spec.logit_scale == 1 ? y : y * spec.logit_scale;
}

}  // namespace expandft
