#include "model/decoder.h"

#include "families/model_config.h"
#include "kernels/attention.h"
#include "model/gradient_checkpointing.h"
#include "model/layer_shards.h"
#include "model/loss.h"
#include "model/rms_norm.h"
#include "model/rope.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// angles_of(rope) for the RoPE of each kind of attention.
template <typename AnglesOf>
std::vector<RopeAngles> layer_angles(const DecoderSpec& spec, AnglesOf angles_of) {
  std::vector<RopeAngles> angles;
  for (const AttentionKind& kind : spec.attention_kinds) angles.push_back(angles_of(kind.rope));
  return angles;
}

const char* non_finite_hint(at::ScalarType dtype) {
  switch (dtype) {
    case at::kHalf:
      return "float16 holds no number above 65504, and the model may compute larger ones: try "
             "--precision bfloat16 or float32";
    case at::kFloat:
      return "the weights are the cause: they hold NaN or infinity, or are far too large";
    default:
      return "the weights or the precision are the cause: try --precision float32";
  }
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

Decoder Decoder::load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device,
                      const RankGroup& sharers) {
  const DecoderSpec spec = read_spec(directory);
  if (sharers.is_alone()) return {spec, load_weights(directory, spec, dtype, device)};
  auto shards = std::make_shared<LayerShards>(sharers);
  Decoder decoder(spec, load_weights(directory, spec, dtype, device,
                                     [&](LayerWeights& layer) { shards->add(layer, spec); }));
  decoder.shards_ = std::move(shards);
  return decoder;
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

at::Tensor Decoder::embed(const at::Tensor& ids) const {
  return scaled_embedding(at::embedding(weights_.embedding, ids).to(dtype_), spec_);
}

at::Tensor Decoder::run_layers(std::int64_t begin, std::int64_t end, at::Tensor x,
                               const Attend& attend) const {
  const bool with_gradients = at::GradMode::is_enabled();
  const std::int64_t checkpointed_from = with_gradients ? checkpointed_from_.value_or(end) : end;
  const auto kept = checkpointed_from < end ? std::make_shared<const Attend>(attend) : nullptr;
  for (std::int64_t i = begin; i < end; ++i) {
    const at::Tensor in = x;
    if (shards_) {
      // The last layer is followed by its own backward, or by the first layer of another pass.
      const bool is_last = i + 1 == spec_.layers;
      shards_->hold(i, !is_last         ? std::optional(i + 1)
                       : with_gradients ? std::nullopt
                                        : std::optional<std::int64_t>(0));
    }
    const auto run = [this, i](const at::Tensor& entering, const Attend& with) {
      return decoder_layer(spec_, i, weights_.layers[static_cast<std::size_t>(i)], mlp(i), entering,
                           with);
    };
    x = i < checkpointed_from
            ? run(in, attend)
            : checkpointed([run, kept](const at::Tensor& again) { return run(again, *kept); }, in);
    if (shards_) x = held_in_backward(shards_, i, !in.requires_grad(), x);
  }
  return x;
}

at::Tensor Decoder::final_norm(const at::Tensor& x) const {
  return rms_norm(x, weights_.final_norm, spec_.norm_eps, spec_.norm_adds_one);
}

at::Tensor Decoder::forward(const at::Tensor& ids, const Attend& attend) const {
  return final_norm(run_layers(0, spec_.layers, embed(ids), attend));
}

at::Tensor Decoder::hidden(const TokenTensors& tokens) const {
  return forward(tokens.ids, batch_attention(spec_, tokens, dtype_));
}

at::Tensor Decoder::hidden(const TokenTensors& tokens, std::int64_t layer,
                           const at::Tensor& states) const {
  return final_norm(
      run_layers(layer, spec_.layers, states, batch_attention(spec_, tokens, dtype_)));
}

at::Tensor Decoder::states_before(std::int64_t layer, const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  return run_layers(0, layer, embed(tokens.ids), batch_attention(spec_, tokens, dtype_));
}

at::Tensor Decoder::hidden(const at::Tensor& ids, KvCache& cache) const {
  const c10::NoGradGuard no_grad;
  const std::int64_t n = ids.size(0), before = cache.length(), length = before + n;
  const auto keeps = [&](const AttentionKind& kind) {
    return same_frequencies(kind.rope, before, length);
  };
  if (before > 0 && !std::ranges::all_of(spec_.attention_kinds, keeps)) {
    // The cached keys were rotated by other frequencies, so compute all of them again.
    const at::Tensor all = at::cat({cache.ids(), ids});
    cache = KvCache(spec_);
    return hidden(all, cache).narrow(0, before, n);
  }
  const std::vector<RopeAngles> angles = layer_angles(spec_, [&](const RopeSpec& rope) {
    return rope_angles(rope, spec_.rotary_dim, length, n, weights_.embedding.options(), dtype_);
  });
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

at::Tensor Decoder::hidden(const TokenTensors& tokens, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  const std::vector<RopeAngles> angles = layer_angles(spec_, [&](const RopeSpec& rope) {
    return rope_angles(rope, spec_.rotary_dim, tokens.positions, tokens.offsets, dtype_);
  });
  const at::Tensor out = forward(tokens.ids, [&](std::int64_t layer, const at::Tensor& q,
                                                 const at::Tensor& k, const at::Tensor& v) {
    const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
    const at::Tensor keys = apply_rope(k, turn);
    cache.fill(layer, keys, v, tokens.offsets);
    return causal_attention(apply_rope(q, turn), keys, v, tokens.offsets,
                            attention_options(spec_, layer));
  });
  cache.filled(tokens.offsets);
  return out;
}

at::Tensor Decoder::hidden(const BranchedTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  const std::vector<RopeAngles> angles = layer_angles(spec_, [&](const RopeSpec& rope) {
    return rope_angles(rope, spec_.rotary_dim, tokens.positions, tokens.offsets, dtype_);
  });
  const at::Tensor like = at::empty({0}, weights_.embedding.options().dtype(dtype_));
  std::vector<SeenTokens> seen;  // for each kind of attention
  for (const AttentionKind& kind : spec_.attention_kinds) {
    seen.push_back(seen_in_branches(tokens, kind.window, like, spec_.attention_softcap));
  }
  return forward(tokens.ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) {
    const std::size_t kind = spec_.kind_of_layer[static_cast<std::size_t>(layer)];
    return group_attention(apply_rope(q, angles[kind]), apply_rope(k, angles[kind]), v,
                           tokens.offsets, seen[kind], attention_options(spec_, layer));
  });
}

at::Tensor Decoder::hidden(const at::Tensor& ids, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  std::vector<std::int64_t> lengths = cache.lengths();
  for (std::int64_t& length : lengths) ++length;
  const std::vector<RopeAngles> angles = layer_angles(spec_, [&](const RopeSpec& rope) {
    return newest_rope_angles(rope, spec_.rotary_dim, cache.positions(), lengths, dtype_);
  });
  cache.make_room();
  std::vector<SeenTokens> seen;  // for each kind of attention
  for (const AttentionKind& kind : spec_.attention_kinds) seen.push_back(cache.seen(kind.window));
  const at::Tensor out = forward(
      ids, [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const std::size_t kind = spec_.kind_of_layer[static_cast<std::size_t>(layer)];
        const BatchCache::View all = cache.append(layer, apply_rope(k, angles[kind]), v);
        return one_token_attention(apply_rope(q, angles[kind]), all.keys, all.values, seen[kind],
                                   attention_options(spec_, layer));
      });
  cache.advance();
  return out;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
  return head_logits(hidden, head(), spec_.logit_softcap);
}

at::Tensor Decoder::loss_of(const at::Tensor& hidden, const TokenTensors& tokens) const {
  return linear_cross_entropy(hidden.index_select(0, tokens.target_rows), head(), tokens.targets,
                              spec_.logit_softcap);
}

at::Tensor Decoder::loss(const TokenTensors& tokens) const {
  return loss_of(hidden(tokens), tokens);
}

at::Tensor Decoder::loss(const TokenTensors& tokens, std::int64_t layer,
                         const at::Tensor& states) const {
  return loss_of(hidden(tokens, layer, states), tokens);
}

at::Tensor Decoder::log_probs(const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  return target_log_probs(hidden(tokens).index_select(0, tokens.target_rows), head(),
                          tokens.targets, spec_.logit_softcap);
}

Error Decoder::non_finite_error(const std::string& what, const std::string& where) const {
  return failure("the model computes " + what, where, non_finite_hint(dtype_));
}

}  // namespace expandft
