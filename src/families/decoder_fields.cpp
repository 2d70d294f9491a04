#include "families/decoder_fields.h"

#include "families/families.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

namespace expandft {
namespace {

constexpr const char* kFull = "full_attention";
constexpr const char* kSliding = "sliding_attention";

std::optional<Activation> activation_named(const std::string& name, const Family& family) {
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  if (name == "gelu") return family.gelu_means_tanh ? Activation::kGeluTanh : Activation::kGelu;
  return {};
}

Activation read_activation(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  const char* const key = family.activation_key;
  const auto activation = activation_named(fields.text(key, ""), family);
  if (!activation) fields.refuse(key, "\"silu\", \"gelu_pytorch_tanh\" or \"gelu\"");
  // Published Gemma configs have both, of which the other family's is not read.
  const char* const other =
      std::string_view(key) == "hidden_act" ? "hidden_activation" : "hidden_act";
  const bool agrees =
      !fields.has(other) || activation_named(fields.text(other, ""), family) == activation;
  if (!agrees) {
    spec.add_notice({std::string("field \"") + other + "\" contradicts \"" + key +
                         "\": the latter counts, as in transformers",
                     fields.where(), "take out the one that is wrong"});
  }
  return *activation;
}

void read_layer_widths(const ConfigFields& fields, DecoderSpec& spec) {
  if (!fields.has(kLayerWidthsKey)) return;
  const std::string expected =
      "a positive integer for each of the " + std::to_string(spec.layers) + " layers";
  const Json& widths = fields.object().at(kLayerWidthsKey);
  if (!widths.is_array() || std::ssize(widths) != spec.layers) {
    fields.refuse(kLayerWidthsKey, expected);
  }
  for (const Json& width : widths) {
    if (!width.is_number_integer() || width < 1 || width > (std::int64_t{1} << 31)) {
      fields.refuse(kLayerWidthsKey, expected);
    }
    spec.layer_widths.push_back(width.get<std::int64_t>());
  }
}

void read_sizes(const ConfigFields& fields, DecoderSpec& spec) {
  constexpr std::int64_t kMostLayers = 10'000;  // each is something in memory; the deepest have 200
  spec.vocab = fields.integer("vocab_size");
  spec.hidden = fields.integer("hidden_size");
  spec.layers = fields.integer("num_hidden_layers");
  if (spec.layers > kMostLayers) fields.refuse("num_hidden_layers", "at most 10000 layers");
  spec.intermediate = fields.integer("intermediate_size");
  spec.heads = fields.integer("num_attention_heads");
  spec.kv_heads = fields.optional_integer("num_key_value_heads").value_or(spec.heads);
  const std::string heads = std::to_string(spec.heads);
  if (spec.heads % spec.kv_heads != 0) {
    fields.refuse("num_key_value_heads", "a divisor of num_attention_heads (" + heads + ")");
  }
  const auto head_dim = fields.optional_integer("head_dim");
  if (!head_dim && spec.hidden % spec.heads != 0) {
    fields.refuse("hidden_size", "a multiple of num_attention_heads (" + heads + ")");
  }
  spec.head_dim = head_dim.value_or(spec.hidden / spec.heads);
  if (spec.head_dim % 2 != 0) fields.refuse("head_dim", "an even number: RoPE turns pairs");
  spec.max_positions = fields.integer("max_position_embeddings");
}

/// The layers that see a window by the family's rule, where the config has no layer_types.
std::vector<bool> windowed_by_rule(const ConfigFields& fields, const Family& family,
                                   const DecoderSpec& spec, bool has_window) {
  const auto count = static_cast<std::size_t>(spec.layers);
  if (family.windows == WindowRule::kAll) return std::vector<bool>(count, has_window);
  std::vector<bool> windowed(count, false);
  if (family.windows == WindowRule::kFromLayer) {
    const std::int64_t first = fields.whole_number("max_window_layers");
    for (std::int64_t i = first; has_window && i < spec.layers; ++i) {
      windowed[static_cast<std::size_t>(i)] = true;
    }
  } else if (family.windows == WindowRule::kAllButEach) {
    std::int64_t period = family.window_period;
    if (family.reads_window_period) period = fields.integer("sliding_window_pattern", period);
    for (std::size_t i = 0; i < count; ++i) {
      windowed[i] = (i + 1) % static_cast<std::size_t>(period) != 0;
    }
  }
  return windowed;
}

/// Which layers see a window: layer_types where the config has them, else the family's rule.
std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  DecoderSpec& spec) {
  const auto count = static_cast<std::size_t>(spec.layers);
  const bool by_switch = family.windows == WindowRule::kFromLayer;  // off unless the config says so
  const bool is_on = !by_switch || fields.boolean("use_sliding_window", false);
  const bool has_window = family.windows != WindowRule::kNone && fields.has("sliding_window") &&
                          fields.integer("sliding_window") > 0 && is_on;
  std::vector<bool> windowed = windowed_by_rule(fields, family, spec, has_window);
  constexpr const char* kTypes = "layer_types";
  if (!fields.has(kTypes)) return windowed;

  const std::vector<bool> by_rule = windowed;
  const std::vector<std::string> types = fields.texts(kTypes, count);
  for (std::size_t i = 0; i < count; ++i) {
    if (types[i] != kFull && types[i] != kSliding) {
      fields.refuse(kTypes, std::string("\"") + kFull + "\" and \"" + kSliding + "\" only");
    }
    windowed[i] = types[i] == kSliding;
  }
  const bool reads_types =
      family.windows == WindowRule::kFromLayer || family.windows == WindowRule::kAllButEach;
  if (!reads_types && windowed != by_rule) {
    fields.refuse(kTypes, "layers that are alike: this family has no other");
  }
  constexpr const char* kPattern = "sliding_window_pattern";
  if (family.reads_window_period && fields.has(kPattern) && windowed != by_rule) {
    spec.add_notice({std::string("fields \"") + kPattern + "\" and \"" + kTypes +
                         "\" contradict each other: the latter counts, as in transformers",
                     fields.where(), "take one of them out"});
  }
  if (std::ranges::count(windowed, true) > 0 && !has_window) {
    fields.refuse(by_switch ? "use_sliding_window" : "sliding_window",
                  "a window for the layers of layer_types that are \"sliding_attention\"");
  }
  return windowed;
}

void read_attention(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  const std::vector<bool> windowed = windowed_layers(fields, family, spec);
  const bool some = std::ranges::count(windowed, true) > 0;
  const bool all = std::ranges::count(windowed, false) == 0;
  if (family.window_rope) fields.has(family.window_rope->theta_key);  // known, if no layer asks
  fields.has(family.rope.theta_key);
  if (!all) spec.attention_kinds.push_back({read_rope(fields, family.rope, kFull, spec), {}});
  if (some) {
    const RopeRules& rules = family.window_rope ? *family.window_rope : family.rope;
    spec.attention_kinds.push_back(
        {read_rope(fields, rules, kSliding, spec), fields.integer("sliding_window")});
  }
  for (const bool w : windowed) spec.kind_of_layer.push_back(w && !all ? 1 : 0);

  const std::int64_t scalar =
      family.query_pre_attn_scalar ? fields.integer("query_pre_attn_scalar") : spec.head_dim;
  spec.query_scale = 1.0 / std::sqrt(static_cast<double>(scalar));
  if (family.attention_softcap) {
    spec.attention_softcap = fields.optional_number("attn_logit_softcapping");
  }
}

bool read_bias(const ConfigFields& fields, Bias rule, const char* key) {
  if (rule == Bias::kByConfig) return fields.boolean(key, false);
  if (rule == Bias::kNever && fields.has(key) && fields.boolean(key, false)) {
    fields.refuse(key, "false: this family has no such biases");
  }
  return rule == Bias::kAlways;
}

}  // namespace

void check_causal(const ConfigFields& fields) {
  if (!fields.boolean("is_causal", true)) {
    fields.refuse("is_causal", "true: only causal attention is supported");
  }
}

DecoderSpec read_decoder(const ConfigFields& fields, const Family& family) {
  DecoderSpec spec;
  spec.family = family.model_type;
  check_causal(fields);
  read_sizes(fields, spec);
  read_layer_widths(fields, spec);
  read_attention(fields, family, spec);
  spec.norm_eps = fields.number("rms_norm_eps");
  spec.activation = read_activation(fields, family, spec);
  spec.norm_adds_one = family.norm_adds_one;
  spec.norms_after_blocks = family.norms_after_blocks;
  spec.query_key_norm = family.query_key_norm;
  spec.fused_projections = family.fused_projections;
  if (family.scales_embedding) {
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden));
  }
  if (family.logit_softcap) spec.logit_softcap = fields.optional_number("final_logit_softcapping");
  spec.qkv_bias = read_bias(fields, family.qkv_bias, "attention_bias");
  spec.output_bias = family.output_bias == Bias::kByConfig && spec.qkv_bias;
  spec.mlp_bias = read_bias(fields, family.mlp_bias, "mlp_bias");
  spec.tied = fields.boolean("tie_word_embeddings", false);
  spec.bos = fields.token("bos_token_id");
  spec.eos = fields.token("eos_token_id");
  fields.has("model_type");
  return spec;
}

}  // namespace expandft
