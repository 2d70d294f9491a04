#include "model/decoder.h"

#include "model/attention.h"
#include "model/families.h"
#include "model/linear_cross_entropy.h"
#include "model/rms_norm.h"

#include <algorithm>
#include <utility>

namespace expandft {

Decoder::Decoder(DecoderSpec spec, DecoderWeights weights)
    : spec_(std::move(spec)), weights_(std::move(weights)) {
  for (const LayerWeights& layer : weights_.layers) {
    mlps_.push_back(std::make_unique<DenseMlp>(layer.mlp, spec_.activation));
  }
}

Decoder Decoder::load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device) {
  const DecoderSpec spec = read_spec(directory);
  return {spec, load_weights(directory, spec, dtype, device)};
}

AttentionOptions Decoder::attention_options(std::int64_t layer) const {
  return {.scale = spec_.query_scale,
          .window = spec_.attention(layer).window,
          .softcap = spec_.attention_softcap};
}

// attend(layer, q, k, v): q (N, heads, dim), k and v (N, kv_heads, dim), before RoPE
// -> (N, heads, dim)
template <typename Attend>
at::Tensor Decoder::attention_block(std::int64_t index, const at::Tensor& x, Attend attend) const {
  const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(index)];
  const auto heads = [&](const Linear& linear, std::int64_t count, const at::Tensor& norm) {
    const at::Tensor y = linear(x).view({x.size(0), count, spec_.head_dim});
    return norm.defined() ? rms_norm(y, norm, spec_.norm_eps, spec_.norm_adds_one) : y;
  };
  const at::Tensor q = heads(layer.attention.q, spec_.heads, layer.query_norm);
  const at::Tensor k = heads(layer.attention.k, spec_.kv_heads, layer.key_norm);
  const at::Tensor v = heads(layer.attention.v, spec_.kv_heads, {});
  const at::Tensor y = attend(index, q, k, v);
  return layer.attention.o(y.reshape({x.size(0), spec_.heads * spec_.head_dim}));
}

template <typename Attend>
at::Tensor Decoder::forward(const at::Tensor& ids, Attend attend) const {
  const auto norm = [&](const at::Tensor& x, const at::Tensor& weight) {
    return rms_norm(x, weight, spec_.norm_eps, spec_.norm_adds_one);
  };
  const auto after = [&](const at::Tensor& x, const at::Tensor& weight) {
    return weight.defined() ? norm(x, weight) : x;
  };
  at::Tensor x = at::embedding(weights_.embedding, ids);
  if (spec_.embedding_scale != 1) x = x * at::scalar_tensor(spec_.embedding_scale, x.options());
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(i)];
    x = x + after(attention_block(i, norm(x, layer.attention_norm), attend),
                  layer.after_attention_norm);
    x = x + after(mlp(i).forward(norm(x, layer.mlp_norm)), layer.after_mlp_norm);
  }
  return norm(x, weights_.final_norm);
}

at::Tensor Decoder::hidden(const TokenTensors& tokens) const {
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec_.attention_kinds) {
    angles.push_back(rope_angles(kind.rope, spec_.rotary_dim, tokens.positions, tokens.offsets,
                                 weights_.embedding.scalar_type()));
  }
  return forward(tokens.ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) {
    const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
    return causal_attention(apply_rope(q, turn), apply_rope(k, turn), v, tokens.offsets,
                            attention_options(layer));
  });
}

at::Tensor Decoder::hidden(const at::Tensor& ids, KvCache& cache) const {
  const c10::NoGradGuard no_grad;
  const std::int64_t n = ids.size(0), before = cache.length(), length = before + n;
  const auto keeps = [&](const AttentionKind& kind) {
    return same_frequencies(kind.rope, before, length);
  };
  if (before > 0 && !std::ranges::all_of(spec_.attention_kinds, keeps)) {
    // What is cached was computed with other frequencies: all of it is computed again.
    const at::Tensor all = at::cat({cache.ids(), ids});
    cache = KvCache(spec_);
    return hidden(all, cache).narrow(0, before, n);
  }
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec_.attention_kinds) {
    angles.push_back(rope_angles(kind.rope, spec_.rotary_dim, length, n, ids.options(),
                                 weights_.embedding.scalar_type()));
  }
  const at::Tensor out = forward(ids, [&](std::int64_t layer, const at::Tensor& q,
                                          const at::Tensor& k, const at::Tensor& v) {
    const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
    const KvCache::View all = cache.append(layer, apply_rope(k, turn), v);
    return cached_attention(apply_rope(q, turn), all.keys, all.values, attention_options(layer));
  });
  cache.advance(ids);
  return out;
}

at::Tensor Decoder::hidden(const at::Tensor& ids, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec_.attention_kinds) {
    angles.push_back(rope_angles(kind.rope, spec_.rotary_dim, cache.length() + 1, 1, ids.options(),
                                 weights_.embedding.scalar_type()));
  }
  const at::Tensor out = forward(
      ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
        const BatchCache::View all = cache.append(layer, apply_rope(k, turn), v);
        return batch_attention(apply_rope(q, turn), all.keys, all.values, attention_options(layer));
      });
  cache.advance();
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
  return head_logits(hidden, weights_.head, spec_.logit_softcap);
}

at::Tensor Decoder::loss(const TokenTensors& tokens) const {
  return linear_cross_entropy(hidden(tokens).index_select(0, tokens.target_rows), weights_.head,
                              tokens.targets, spec_.logit_softcap);
}

at::Tensor Decoder::log_probs(const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  return target_log_probs(hidden(tokens).index_select(0, tokens.target_rows), weights_.head,
                          tokens.targets, spec_.logit_softcap);
}

}  // namespace expandft
