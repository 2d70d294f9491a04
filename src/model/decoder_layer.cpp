#include "model/decoder_layer.h"

#include "model/rms_norm.h"
#include "model/rope.h"

#include <utility>
#include <vector>

namespace expandft {
namespace {

at::Tensor attention_block(const DecoderSpec& spec, std::int64_t index, const LayerWeights& layer,
                           const at::Tensor& x, const Attend& attend) {
  const auto heads = [&](const Linear& linear, std::int64_t count, const at::Tensor& norm) {
    const at::Tensor y = linear(x).view({x.size(0), count, spec.head_dim});
    return norm.defined() ? rms_norm(y, norm, spec.norm_eps, spec.norm_adds_one) : y;
  };
  const at::Tensor q = heads(layer.attention.q, spec.heads, layer.query_norm);
  const at::Tensor k = heads(layer.attention.k, spec.kv_heads, layer.key_norm);
  const at::Tensor v = heads(layer.attention.v, spec.kv_heads, {});
  const at::Tensor y = attend(index, q, k, v);
  return layer.attention.o(y.reshape({x.size(0), spec.heads * spec.head_dim}));
}

}  // namespace

AttentionOptions attention_options(const DecoderSpec& spec, std::int64_t layer) {
  return {.scale = spec.query_scale,
          .window = spec.attention(layer).window,
          .softcap = spec.attention_softcap};
}

Attend batch_attention(const DecoderSpec& spec, const TokenTensors& tokens, at::ScalarType dtype) {
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec.attention_kinds) {
    angles.push_back(
        rope_angles(kind.rope, spec.rotary_dim, tokens.positions, tokens.offsets, dtype));
  }
  return [&spec, offsets = tokens.offsets, angles = std::move(angles)](
             std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const RopeAngles& turn = angles[spec.kind_of_layer[static_cast<std::size_t>(layer)]];
    return causal_attention(apply_rope(q, turn), apply_rope(k, turn), v, offsets,
                            attention_options(spec, layer));
  };
}

at::Tensor scaled_embedding(const at::Tensor& rows, const DecoderSpec& spec) {
  if (spec.embedding_scale == 1) return rows;
  return rows * at::scalar_tensor(spec.embedding_scale, rows.options());
}

at::Tensor decoder_layer(const DecoderSpec& spec, std::int64_t index, const LayerWeights& weights,
                         const Mlp& mlp, const at::Tensor& x, const Attend& attend) {
  const auto norm = [&](const at::Tensor& in, const at::Tensor& weight) {
    return rms_norm(in, weight, spec.norm_eps, spec.norm_adds_one);
  };
  const auto after = [&](const at::Tensor& out, const at::Tensor& weight) {
    return weight.defined() ? norm(out, weight) : out;
  };
  const at::Tensor middle =
      x + after(attention_block(spec, index, weights, norm(x, weights.attention_norm), attend),
                weights.after_attention_norm);
  return middle + after(mlp.forward(norm(middle, weights.mlp_norm)), weights.after_mlp_norm);
}

}  // namespace expandft
