#include "model/families.h"

#include "base/error.h"
#include "model/config_fields.h"
#include "model/deci.h"
#include "model/family.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kFull = "full_attention";
constexpr const char* kSliding = "sliding_attention";

Activation read_activation(const ConfigFields& fields, const Family& family) {
  const bool legacy = family.gelu_means_tanh && fields.has("hidden_activation");
  const char* key = legacy ? "hidden_activation" : family.activation_key;
  const std::string name = fields.text(key, "");
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  if (name == "gelu") return family.gelu_means_tanh ? Activation::kGeluTanh : Activation::kGelu;
  fields.refuse(key, "\"silu\", \"gelu_pytorch_tanh\" or \"gelu\"");
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
  spec.kv_heads = fields.integer("num_key_value_heads", spec.heads);
  const std::string heads = std::to_string(spec.heads);
  if (spec.heads % spec.kv_heads != 0) {
    fields.refuse("num_key_value_heads", "a divisor of num_attention_heads (" + heads + ")");
  }
  if (!fields.has("head_dim") && spec.hidden % spec.heads != 0) {
    fields.refuse("hidden_size", "a multiple of num_attention_heads (" + heads + ")");
  }
  spec.head_dim = fields.integer("head_dim", spec.hidden / spec.heads);
  if (spec.head_dim % 2 != 0) fields.refuse("head_dim", "an even number: RoPE turns pairs");
  spec.max_positions = fields.integer("max_position_embeddings");
}

/// Which layers see a window: layer_types where the config has them, else the family's rule.
std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  const DecoderSpec& spec) {
  const auto count = static_cast<std::size_t>(spec.layers);
  std::vector<bool> windowed(count, false);
  const bool by_switch = family.windows == WindowRule::kFromLayer;  // off unless the config says so
  const bool has_window =
      fields.has("sliding_window") && (!by_switch || fields.boolean("use_sliding_window", false));
  if (family.windows == WindowRule::kAll) {
    windowed.assign(count, has_window);
  } else if (family.windows == WindowRule::kFromLayer) {
    const std::int64_t first = has_window ? fields.integer("max_window_layers") : spec.layers;
    for (auto i = static_cast<std::size_t>(first); i < count; ++i) windowed[i] = true;
  } else if (family.windows == WindowRule::kAllButEach) {
    const auto period =
        static_cast<std::size_t>(fields.integer("sliding_window_pattern", family.window_period));
    for (std::size_t i = 0; i < count; ++i) windowed[i] = (i + 1) % period != 0;
  }
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
  if (!all) spec.attention_kinds.push_back({read_rope(fields, family.rope, kFull, spec), {}});
  if (some) {
    const RopeRules& rules = family.window_rope ? *family.window_rope : family.rope;
    spec.attention_kinds.push_back(
        {read_rope(fields, rules, kSliding, spec), fields.integer("sliding_window")});
  }
  for (const bool w : windowed) spec.kind_of_layer.push_back(w && !all ? 1 : 0);

  const double scalar = family.query_pre_attn_scalar ? fields.number("query_pre_attn_scalar")
                                                     : static_cast<double>(spec.head_dim);
  spec.query_scale = 1.0 / std::sqrt(scalar);
  if (family.attention_softcap) {
    spec.attention_softcap = fields.optional_number("attn_logit_softcapping");
  }
}

bool read_bias(const ConfigFields& fields, Bias rule, const char* key) {
  if (rule == Bias::kByConfig) return fields.boolean(key, false);
  if (rule == Bias::kNever && fields.boolean(key, false)) {
    fields.refuse(key, "false: this family has no such biases");
  }
  return rule == Bias::kAlways;
}

/// Fields that would change what is computed, and that no family here knows.
void refuse_unknown_arithmetic(const ConfigFields& fields, const Family& family) {
  const auto refuse_number = [&](const char* key) {
    if (fields.has(key)) fields.refuse(key, "nothing: it is not supported for this family");
  };
  if (!family.attention_softcap) refuse_number("attn_logit_softcapping");
  if (!family.logit_softcap) refuse_number("final_logit_softcapping");
  for (const char* key : {"num_experts", "num_local_experts", "clip_qkv", "logit_scale",
                          "logits_scaling", "embedding_multiplier", "residual_multiplier",
                          "attention_multiplier", "qk_layernorm", "use_qk_norm", "alibi"}) {
    if (fields.has(key) && fields.object().at(key) != false) refuse_number(key);
  }
  if (fields.boolean("use_bidirectional_attention", false)) {
    fields.refuse("use_bidirectional_attention", "false: only causal attention is supported");
  }
}

DecoderSpec read_decoder(const ConfigFields& fields, const Family& family) {
  DecoderSpec spec;
  spec.family = family.model_type;
  refuse_unknown_arithmetic(fields, family);
  read_sizes(fields, spec);
  read_layer_widths(fields, spec);
  read_attention(fields, family, spec);
  spec.norm_eps = fields.number("rms_norm_eps");
  spec.activation = read_activation(fields, family);
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
  return spec;
}

/// Fields of `config` that are not null, over the defaults.
Json with_defaults(const Json& config, std::string_view defaults) {
  Json merged = Json::parse(defaults);
  for (const auto& [key, value] : config.items()) {
    // null states that there is none of what a default would give.
    merged[key] = value;
  }
  return merged;
}

/// Prefixes of the decoder's tensors, and the head that goes with each.
constexpr std::pair<const char*, const char*> kNames[] = {
    {"model.", "lm_head.weight"},
    {"model.language_model.", "lm_head.weight"},
    {"language_model.model.", "language_model.lm_head.weight"},
};

}  // namespace

Json& decoder_config(Json& config) {
  const bool multimodal = config.contains("text_config") && config["text_config"].is_object();
  return multimodal ? config["text_config"] : config;
}

DecoderSpec read_spec(const Json& config, const std::string& where) {
  const ConfigFields outer(config, where);
  if (outer.has("quantization_config")) {
    outer.refuse("quantization_config", "nothing: a checkpoint that is not quantised",
                 "expand the original, then quantise the merged model");
  }
  const std::string type = outer.text("model_type", "");
  if (type == kDeciModelType) {
    const Family& family = find_family("llama", where);
    const ConfigFields fields(with_defaults(config, family.defaults), where);
    DecoderSpec spec = read_decoder(fields, family);
    spec.family = type;
    spec.layer_widths = read_block_widths(fields, spec);
    return spec;
  }
  if (type != "gemma3") {
    const Family& family = find_family(type, where);
    return read_decoder({with_defaults(config, family.defaults), where}, family);
  }
  const ConfigFields inner = outer.inside("text_config");
  const std::string inner_type = inner.text("model_type", "gemma3_text");
  if (inner_type != "gemma3_text") inner.refuse("model_type", "\"gemma3_text\"");
  const Family& family = find_family(inner_type, inner.where());
  Json text = with_defaults(inner.object(), family.defaults);
  if (outer.has("tie_word_embeddings")) text["tie_word_embeddings"] = config["tie_word_embeddings"];
  DecoderSpec spec = read_decoder({text, inner.where()}, family);
  spec.family = type;
  return spec;
}

TensorNames find_tensor_names(const ModelDirectory& directory) {
  for (const auto& [body, head] : kNames) {
    TensorNames names{body, head};
    if (directory.has(names.embedding())) return names;
  }
  return {};  // loading will name what is missing
}

DecoderSpec read_spec(const ModelDirectory& directory) {
  DecoderSpec spec = read_spec(directory.config(), (directory.path() / "config.json").string());
  spec.names = find_tensor_names(directory);
  return spec;
}

}  // namespace expandft
