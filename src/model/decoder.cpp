#include "model/decoder.h"

#include "model/attention.h"
#include "model/families.h"
#include "model/linear_cross_entropy.h"
#include "model/rms_norm.h"
#include "model/rope.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// For each kind of layer, the angles of the last n tokens of a sequence, stored as options say.
std::vector<RopeAngles> newest_angles(const DecoderSpec& spec, std::int64_t length, std::int64_t n,
                                      const at::TensorOptions& options) {
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec.attention_kinds) {
    angles.push_back(rope_angles(kind.rope, spec.rotary_dim, length, n, options,
                                 c10::typeMetaToScalarType(options.dtype())));
  }
  return angles;
}

}  // namespace

Decoder::Decoder(DecoderSpec spec, DecoderWeights weights)
    : spec_(std::move(spec)),
      weights_(std::move(weights)),
      dtype_(weights_.embedding.scalar_type()) {
  for (const LayerWeights& layer : weights_.layers) {
    mlps_.push_back(std::make_unique<DenseMlp>(layer.mlp, spec_.activation));
  }
}

Decoder Decoder::load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device) {
  const DecoderSpec spec = read_spec(directory);
  return {spec, load_weights(directory, spec, dtype, device)};
}

void Decoder::replace_layer(std::int64_t layer, LayerWeights weights) {
  replace_mlp(layer, std::make_unique<DenseMlp>(weights.mlp, spec_.activation));
  weights_.layers.at(static_cast<std::size_t>(layer)) = std::move(weights);
}

void Decoder::insert_layer(std::int64_t layer, LayerWeights weights, std::size_t kind) {
  mlps_.insert(mlps_.begin() + layer, std::make_unique<DenseMlp>(weights.mlp, spec_.activation));
  weights_.layers.insert(weights_.layers.begin() + layer, std::move(weights));
  spec_.kind_of_layer.insert(spec_.kind_of_layer.begin() + layer, kind);
  ++spec_.layers;
}

void Decoder::replace_ends(at::Tensor embedding, at::Tensor final_norm, at::Tensor head) {
  weights_.embedding = std::move(embedding);
  weights_.final_norm = std::move(final_norm);
  weights_.head = std::move(head);
}

at::Tensor Decoder::forward(const at::Tensor& ids, const Attend& attend) const {
  at::Tensor x = scaled_embedding(at::embedding(weights_.embedding, ids).to(dtype_), spec_);
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    x = decoder_layer(spec_, i, weights_.layers[static_cast<std::size_t>(i)], mlp(i), x, attend);
  }
  return rms_norm(x, weights_.final_norm, spec_.norm_eps, spec_.norm_adds_one);
}

at::Tensor Decoder::hidden(const TokenTensors& tokens) const {
  return forward(tokens.ids, batch_attention(spec_, tokens, dtype_));
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
  const std::vector<RopeAngles> angles =
      newest_angles(spec_, length, n, weights_.embedding.options().dtype(dtype_));
  const at::Tensor out = forward(
      ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
        const KvCache::View all = cache.append(layer, apply_rope(k, turn), v);
        return cached_attention(apply_rope(q, turn), all.keys, all.values,
                                attention_options(spec_, layer));
      });
  cache.advance(ids);
  return out;
}

at::Tensor Decoder::hidden(const at::Tensor& ids, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  const std::vector<RopeAngles> angles =
      newest_angles(spec_, cache.length() + 1, 1, weights_.embedding.options().dtype(dtype_));
  const at::Tensor out = forward(
      ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
        const BatchCache::View all = cache.append(layer, apply_rope(k, turn), v);
        return one_token_attention(apply_rope(q, turn), all.keys, all.values,
                                   attention_options(spec_, layer));
      });
  cache.advance();
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
  return head_logits(hidden, head(), spec_.logit_softcap);
}

at::Tensor Decoder::loss(const TokenTensors& tokens) const {
  return linear_cross_entropy(hidden(tokens).index_select(0, tokens.target_rows), head(),
                              tokens.targets, spec_.logit_softcap);
}

at::Tensor Decoder::log_probs(const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  return target_log_probs(hidden(tokens).index_select(0, tokens.target_rows), head(),
                          tokens.targets, spec_.logit_softcap);
}

}  // namespace expandft
