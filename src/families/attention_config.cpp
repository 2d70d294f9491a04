#include "families/attention_config.h"

#include "families/rope_config.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace expandft {
namespace {

/// The sizes of layers in transformers' own dialect: {"05": {"head_dim": 512}, …}.
void read_layer_sizes(const ConfigFields& all, std::vector<AttentionKind>& layers) {
  for (const auto& [index, value] : all.object().items()) {
    const ConfigFields one = all.inside(index.c_str());
    const bool is_number = !index.empty() && std::ranges::all_of(index, [](char c) {
      return c >= '0' && c <= '9';
    }) && index.size() < 6;
    if (!is_number || std::stoul(index) >= layers.size()) {
      all.refuse(index.c_str(), "the indices of layers only");
    }
    AttentionKind& kind = layers[std::stoul(index)];
    kind.head_dim = one.integer("head_dim", kind.head_dim);
    kind.kv_heads = one.integer("num_key_value_heads", kind.kv_heads);
    for (const std::string& key : one.unread()) {
      one.refuse(key.c_str(), "head_dim and num_key_value_heads only");
    }
  }
}

/// The sizes of full-attention layers in the dialect of published checkpoints.
void read_full_sizes(const ConfigFields& fields, std::vector<AttentionKind>& layers) {
  const std::int64_t head_dim = fields.integer("global_head_dim", 512);
  const auto kv_heads = fields.optional_integer("num_global_key_value_heads");
  for (AttentionKind& kind : layers) {
    if (kind.window) continue;
    kind.head_dim = head_dim;
    if (kv_heads && kind.values_are_keys) kind.kv_heads = *kv_heads;
  }
}

void check_layer_sizes(const ConfigFields& fields, const std::vector<AttentionKind>& layers,
                       const DecoderSpec& spec) {
  for (const AttentionKind& kind : layers) {
    if (kind.head_dim % 2 != 0) {
      fields.refuse("global_head_dim", "an even number: RoPE turns pairs");
    }
    if (spec.heads % kind.kv_heads != 0) {
      fields.refuse("num_global_key_value_heads",
                    "a divisor of num_attention_heads (" + std::to_string(spec.heads) + ")");
    }
  }
}

/// Keys and values that layers share, and inputs of their own. Input errors for parts of Gemma 4
/// that are not supported.
void read_shared_keys_and_inputs(const ConfigFields& fields, DecoderSpec& spec) {
  const std::int64_t shared = fields.whole_number("num_kv_shared_layers");
  if (shared >= spec.layers) {
    fields.refuse("num_kv_shared_layers",
                  "fewer than the " + std::to_string(spec.layers) + " layers");
  }
  if (shared > 0) spec.shares_keys_from = spec.layers - shared;
  spec.layer_input = fields.whole_number("hidden_size_per_layer_input");
  const std::int64_t vocab = fields.integer("vocab_size_per_layer_input", 262144);
  if (spec.layer_input > 0) spec.layer_input_vocab = vocab;
  if (fields.boolean("use_double_wide_mlp", false)) spec.wide_from = spec.shares_keys_from;
  if (fields.boolean("enable_moe_block", false)) {
    fields.refuse("enable_moe_block", "false", "models with experts are not supported");
  }
  // Without effect then.
  for (const char* key : {"num_experts", "top_k_experts", "moe_intermediate_size"}) {
    if (fields.has(key)) fields.whole_number(key);
  }
}

/// Input error unless each layer that shares keys and values finds some of its kind.
void read_key_sources(const ConfigFields& fields, DecoderSpec& spec) {
  for (std::int64_t i = spec.shares_keys_from.value_or(spec.layers); i < spec.layers; ++i) {
    const std::int64_t source = spec.key_layer(i);
    if (source < 0) {
      fields.refuse("num_kv_shared_layers",
                    "a number that leaves a layer of each type with keys and values of its own");
    }
    if (std::ranges::count(spec.key_sources, source) == 0) spec.key_sources.push_back(source);
  }
  std::ranges::sort(spec.key_sources);
}

/// What layers have beside their RoPE.
std::vector<AttentionKind> read_layers(const ConfigFields& fields, const Family& family,
                                       DecoderSpec& spec) {
  const std::vector<bool> rotated = rotated_layers(fields, family, spec);
  const std::vector<bool> windowed = windowed_layers(fields, family, rotated, spec);
  const bool same = family.has_sizes_by_layer && fields.boolean("attention_k_eq_v", false);
  std::vector<AttentionKind> layers;
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    AttentionKind kind{.rotates = rotated[i],
                       .head_dim = spec.head_dim,
                       .kv_heads = spec.kv_heads,
                       .values_are_keys = same && !windowed[i]};
    if (windowed[i]) kind.window = fields.integer("sliding_window");
    layers.push_back(std::move(kind));
  }
  if (!family.has_sizes_by_layer) return layers;
  read_shared_keys_and_inputs(fields, spec);
  for (const char* key : {"global_head_dim", "num_global_key_value_heads"}) fields.has(key);
  constexpr const char* kPerLayer = "per_layer_config";
  if (fields.has(kPerLayer)) {
    read_layer_sizes(fields.inside(kPerLayer), layers);
  } else {
    read_full_sizes(fields, layers);
  }
  check_layer_sizes(fields, layers, spec);
  return layers;
}

}  // namespace

void read_attention(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  const RopeRules& window_rules = family.window_rope ? *family.window_rope : family.rope;
  // These count as read even if no layer is windowed, or all are.
  fields.has(window_rules.theta_key);
  fields.has(family.rope.theta_key);
  std::vector<AttentionKind> seen;  // the spec's kinds without their RoPE
  for (AttentionKind& kind : read_layers(fields, family, spec)) {
    const auto found = std::ranges::find(seen, kind);
    spec.kind_of_layer.push_back(static_cast<std::size_t>(found - seen.begin()));
    if (found != seen.end()) continue;
    seen.push_back(kind);
    read_rope(fields, kind.window ? window_rules : family.rope,
              kind.window ? kSlidingAttention : kFullAttention, kind, spec);
    spec.attention_kinds.push_back(std::move(kind));
  }
  read_key_sources(fields, spec);

  const std::int64_t scalar =
      family.query_pre_attn_scalar ? fields.integer("query_pre_attn_scalar") : spec.head_dim;
  spec.query_scale = family.unscaled_scores ? 1.0 : 1.0 / std::sqrt(static_cast<double>(scalar));
  if (family.attention_softcap) {
    spec.attention_softcap = fields.optional_number("attn_logit_softcapping");
  }
  if (family.has_vision_attention) {
    constexpr const char* kBoth = "use_bidirectional_attention";
    if (fields.has(kBoth) && fields.text(kBoth, "") != "vision") {
      fields.refuse(kBoth, "null or \"vision\": only causal attention is supported");
    }
  }
}

}  // namespace expandft
