#include "model/decoder.h"

#include "families/model_config.h"
#include "kernels/attention.h"
#include "model/gradient_checkpointing.h"
#include "model/layer_shards.h"
#include "model/loss.h"
#include "model/rope.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

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

at::Tensor Decoder::checkpointed_layer(std::int64_t layer, const at::Tensor& x,
                                       std::shared_ptr<const Attend> attend,
                                       const LayerInputs& inputs) const {
  const std::int64_t source = spec_.key_layer(layer);
  const auto place = static_cast<std::size_t>(layer);
  LayerTensors kept{x};
  if (source != layer) {
    const KeysAndValues& shared = inputs.shared.at(source);
    kept[1] = shared.keys;
    kept[2] = shared.values;
  }
  if (!inputs.own.empty()) kept[3] = inputs.own.at(place);
  const auto again = [this, layer, place, source,
                      attend = std::move(attend)](const LayerTensors& tensors) {
    LayerInputs same;
    if (tensors[1].defined()) same.shared[source] = {tensors[1], tensors[2]};
    if (tensors[3].defined()) {
      same.own.resize(place + 1);
      same.own[place] = tensors[3];
    }
    return decoder_layer(spec_, layer, weights_.layers[place], mlp(layer), tensors[0], *attend,
                         same);
  };
  return checkpointed(again, kept);
}

at::Tensor Decoder::run_layers(std::int64_t begin, std::int64_t end, at::Tensor x,
                               const Attend& attend, LayerInputs& inputs) const {
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
    // A layer that gives keys and values to later ones has more than one result.
    x = i < checkpointed_from || is_key_source(spec_, i)
            ? decoder_layer(spec_, i, weights_.layers[static_cast<std::size_t>(i)], mlp(i), in,
                            attend, inputs)
            : checkpointed_layer(i, in, kept, inputs);
    if (shards_) x = held_in_backward(shards_, i, !in.requires_grad(), x);
  }
  return x;
}

at::Tensor Decoder::final_norm(const at::Tensor& x) const {
  return head_input(spec_, x, weights_.final_norm);
}

at::Tensor Decoder::forward(const at::Tensor& ids, const at::Tensor& host_ids,
                            const Attend& attend) const {
  const at::Tensor x = embed(ids);
  LayerInputs inputs{own_inputs(spec_, weights_.layer_inputs, host_ids, x), {}};
  return final_norm(run_layers(0, spec_.layers, x, attend, inputs));
}

at::Tensor Decoder::hidden(const TokenTensors& tokens) const {
  return forward(tokens.ids, tokens.host_ids, batch_attention(spec_, tokens, dtype_));
}

at::Tensor Decoder::hidden(const TokenTensors& tokens, std::int64_t layer,
                           const at::Tensor& states) const {
  LayerInputs inputs;
  if (spec_.layer_input > 0) {
    inputs.own = own_inputs(spec_, weights_.layer_inputs, tokens.host_ids, embed(tokens.ids));
  }
  std::int64_t column = spec_.hidden;
  const auto next = [&](const AttentionKind& kind) {
    const std::int64_t numbers = kind.kv_heads * kind.head_dim;
    column += numbers;
    return states.narrow(1, column - numbers, numbers)
        .reshape({states.size(0), kind.kv_heads, kind.head_dim});
  };
  for (const std::int64_t source : spec_.key_sources) {
    if (source >= layer) continue;
    const AttentionKind& kind = spec_.attention(source);
    const at::Tensor keys = next(kind);
    inputs.shared[source] = {keys, next(kind)};
  }
  const at::Tensor x =
      column == spec_.hidden ? states : states.narrow(1, 0, spec_.hidden).contiguous();
  return final_norm(
      run_layers(layer, spec_.layers, x, batch_attention(spec_, tokens, dtype_), inputs));
}

std::int64_t Decoder::state_width(std::int64_t layer) const {
  std::int64_t width = spec_.hidden;
  for (const std::int64_t source : spec_.key_sources) {
    const AttentionKind& kind = spec_.attention(source);
    if (source < layer) width += 2 * kind.kv_heads * kind.head_dim;
  }
  return width;
}

at::Tensor Decoder::states_before(std::int64_t layer, const TokenTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  const at::Tensor x = embed(tokens.ids);
  LayerInputs inputs{own_inputs(spec_, weights_.layer_inputs, tokens.host_ids, x), {}};
  std::vector<at::Tensor> parts{
      run_layers(0, layer, x, batch_attention(spec_, tokens, dtype_), inputs)};
  for (const auto& [source, shared] : inputs.shared) {
    parts.push_back(shared.keys.flatten(1));
    parts.push_back(shared.values.flatten(1));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
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
  const std::vector<RopeAngles> angles = attention_angles(spec_, [&](const AttentionKind& kind) {
    return rope_angles(kind.rope, kind.rotary_dim, length, n, weights_.embedding.options(), dtype_);
  });
  const at::Tensor out = forward(
      ids, ids,
      [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
        const std::int64_t source = spec_.key_layer(layer);
        const KvCache::View all = source == layer ? cache.append(layer, apply_rope(k, turn), v)
                                                  : cache.appended(source, n);
        return cached_attention(apply_rope_to_queries(q, turn), all.keys, all.values,
                                attention_options(spec_, layer));
      });
  cache.advance(ids);
  return out;
}

at::Tensor Decoder::hidden(const TokenTensors& tokens, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  const std::vector<RopeAngles> angles = attention_angles(spec_, [&](const AttentionKind& kind) {
    return rope_angles(kind.rope, kind.rotary_dim, tokens.positions, tokens.offsets, dtype_);
  });
  const at::Tensor out = forward(
      tokens.ids, tokens.host_ids,
      [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const RopeAngles& turn = angles[spec_.kind_of_layer[static_cast<std::size_t>(layer)]];
        const at::Tensor keys = apply_rope(k, turn);
        if (!spec_.shares_keys(layer)) cache.fill(layer, keys, v, tokens.offsets);
        return causal_attention(apply_rope_to_queries(q, turn), keys, v, tokens.offsets,
                                attention_options(spec_, layer));
      });
  cache.filled(tokens.offsets);
  return out;
}

at::Tensor Decoder::hidden(const BranchedTensors& tokens) const {
  const c10::NoGradGuard no_grad;
  const std::vector<RopeAngles> angles = attention_angles(spec_, [&](const AttentionKind& kind) {
    return rope_angles(kind.rope, kind.rotary_dim, tokens.positions, tokens.offsets, dtype_);
  });
  const at::Tensor like = at::empty({0}, weights_.embedding.options().dtype(dtype_));
  std::vector<SeenTokens> seen;  // for each kind of attention
  for (const AttentionKind& kind : spec_.attention_kinds) {
    seen.push_back(seen_in_branches(tokens, kind.window, like, spec_.attention_softcap));
  }
  return forward(
      tokens.ids, tokens.host_ids,
      [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const std::size_t kind = spec_.kind_of_layer[static_cast<std::size_t>(layer)];
        return group_attention(apply_rope_to_queries(q, angles[kind]), apply_rope(k, angles[kind]),
                               v, tokens.offsets, seen[kind], attention_options(spec_, layer));
      });
}

at::Tensor Decoder::hidden(const at::Tensor& ids, BatchCache& cache) const {
  const c10::NoGradGuard no_grad;
  std::vector<std::int64_t> lengths = cache.lengths();
  for (std::int64_t& length : lengths) ++length;
  const std::vector<RopeAngles> angles = attention_angles(spec_, [&](const AttentionKind& kind) {
    return newest_rope_angles(kind.rope, kind.rotary_dim, cache.positions(), lengths, dtype_);
  });
  cache.make_room();
  std::vector<SeenTokens> seen;  // for each kind of attention
  for (const AttentionKind& kind : spec_.attention_kinds) seen.push_back(cache.seen(kind.window));
  const at::Tensor out = forward(
      ids, ids,
      [&](std::int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
        const std::size_t kind = spec_.kind_of_layer[static_cast<std::size_t>(layer)];
        const std::int64_t source = spec_.key_layer(layer);
        const BatchCache::View all = source == layer
                                         ? cache.append(layer, apply_rope(k, angles[kind]), v)
                                         : cache.appended(source);
        return one_token_attention(apply_rope_to_queries(q, angles[kind]), all.keys, all.values,
                                   seen[kind], attention_options(spec_, layer));
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
