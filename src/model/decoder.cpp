#include "model/decoder.h"

#include "model/attention.h"
#include "model/families.h"
#include "model/linear_cross_entropy.h"
#include "model/matrix_product.h"
#include "model/rms_norm.h"

#include <utility>

namespace expandft {

Decoder::Decoder(DecoderSpec spec, DecoderWeights weights)
    : spec_(std::move(spec)), weights_(std::move(weights)) {
  rope_frequencies_ = at::tensor(rope_frequencies(spec_.rope, spec_.head_dim), at::kDouble)
                          .to(at::TensorOptions().dtype(at::kFloat).device(device()));
  for (const LayerWeights& layer : weights_.layers) {
    mlps_.push_back(std::make_unique<DenseMlp>(layer.mlp, spec_.activation));
  }
}

Decoder Decoder::load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device) {
  const DecoderSpec spec = read_spec(directory);
  return {spec, load_weights(directory, spec, dtype, device)};
}

// attend(layer, q, k, v): q (N, heads, dim), k and v (N, kv_heads, dim) -> (N, heads, dim)
template <typename Attend>
at::Tensor Decoder::forward(const at::Tensor& ids, const at::Tensor& positions,
                            Attend attend) const {
  const std::int64_t n = ids.size(0);
  at::Tensor x = at::embedding(weights_.embedding, ids);
  const RopeAngles angles = rope_angles(rope_frequencies_, positions, x.scalar_type());
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(i)];
    const at::Tensor a = rms_norm(x, layer.attention_norm, spec_.norm_eps);
    const auto heads = [&](const Linear& linear, std::int64_t count) {
      return linear(a).view({n, count, spec_.head_dim});
    };
    const at::Tensor q = apply_rope(heads(layer.attention.q, spec_.heads), angles);
    const at::Tensor k = apply_rope(heads(layer.attention.k, spec_.kv_heads), angles);
    const at::Tensor v = heads(layer.attention.v, spec_.kv_heads);
    x = x + layer.attention.o(attend(i, q, k, v).reshape({n, spec_.heads * spec_.head_dim}));
    x = x + mlp(i).forward(rms_norm(x, layer.mlp_norm, spec_.norm_eps));
  }
  return rms_norm(x, weights_.final_norm, spec_.norm_eps);
}

at::Tensor Decoder::hidden(const TokenTensors& tokens) const {
  return forward(tokens.ids, tokens.positions,
                 [&](std::int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
                   return causal_attention(q, k, v, tokens.offsets, spec_.query_scale);
                 });
}

at::Tensor Decoder::hidden(const at::Tensor& ids, KvCache& cache) const {
  const c10::NoGradGuard no_grad;
  const at::Tensor positions =
      at::arange(cache.length(), cache.length() + ids.size(0), ids.options());
  at::Tensor out = forward(
      ids, positions,
      [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const KvCache::View all = cache.append(layer, k, v);
        return cached_attention(q, all.keys, all.values, spec_.query_scale);
      });
  cache.advance(ids.size(0));
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
  return product_transposed(hidden, weights_.head);
}

at::Tensor Decoder::loss(const TokenTensors& tokens) const {
  return linear_cross_entropy(hidden(tokens).index_select(0, tokens.target_rows), weights_.head,
                              tokens.targets);
}

at::Tensor Decoder::log_probs(const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  return target_log_probs(hidden(tokens).index_select(0, tokens.target_rows), weights_.head,
                          tokens.targets);
}

}  // namespace expandft
