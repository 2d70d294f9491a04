#include "families/model_config.h"

#include "families/config_fields.h"
#include "families/deci.h"
#include "families/family.h"
#include "families/tensor_names.h"
#include "families/unread_fields.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

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
  // Published Gemma configs have both keys; transformers reads only one of them.
  const char* const other =
      std::string_view(key) == "hidden_act" ? "hidden_activation" : "hidden_act";
  const bool agrees =
      !fields.has(other) || activation_named(fields.text(other, ""), family) == activation;
  if (!agrees) {
    spec.add_notice({std::string("field \"") + other + "\" contradicts \"" + key +
                         "\": the latter is used, as in transformers",
                     fields.where(), "remove the wrong one"});
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
  constexpr std::int64_t kMostLayers = 10'000;  // each costs memory; the deepest models have 200
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

void read_attention(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  const std::vector<bool> windowed = windowed_layers(fields, family, spec);
  const bool some = std::ranges::count(windowed, true) > 0;
  const bool all = std::ranges::count(windowed, false) == 0;
  if (family.window_rope)
    fields.has(family.window_rope->theta_key);  // counts as read even if no layer is windowed
  fields.has(family.rope.theta_key);
  if (!all)
    spec.attention_kinds.push_back({read_rope(fields, family.rope, kFullAttention, spec), {}});
  if (some) {
    const RopeRules& rules = family.window_rope ? *family.window_rope : family.rope;
    spec.attention_kinds.push_back(
        {read_rope(fields, rules, kSlidingAttention, spec), fields.integer("sliding_window")});
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
    fields.refuse(key, "false: this family does not have these biases");
  }
  return rule == Bias::kAlways;
}

/// Input error unless is_causal is true or absent: transformers takes every other value, even null,
/// for false.
void check_causal(const ConfigFields& fields) {
  if (!fields.boolean("is_causal", true)) {
    fields.refuse("is_causal", "true: only causal attention is supported");
  }
}

/// Reads the fields of a decoder, with the defaults of its family filled in. Input errors for
/// values that are not supported. Fields it does not read are left to judge_unread_fields.
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

/// Fields that may be null although the family has a default: null means none.
constexpr std::string_view kNullable[] = {"sliding_window", "attn_logit_softcapping",
                                          "final_logit_softcapping", "bos_token_id",
                                          "eos_token_id"};

/// The family's defaults, overridden by the fields of `config`.
ConfigFields with_defaults(const ConfigFields& config, const Family& family) {
  Json merged = Json::parse(family.defaults);
  for (const auto& [key, value] : config.object().items()) {
    if (value.is_null() && merged.contains(key) && std::ranges::count(kNullable, key) == 0) {
      config.refuse(key.c_str(), merged.at(key).type_name());
    }
    merged[key] = value;
  }
  return {std::move(merged), config.where()};
}

/// A model that consists only of a decoder.
DecoderSpec read_plain(const ConfigFields& config, const std::string& type) {
  const bool by_blocks = type == kDeciModelType;
  const Family& family = find_family(by_blocks ? "llama" : type, config.where());
  const ConfigFields fields = with_defaults(config, family);
  DecoderSpec spec = read_decoder(fields, family);
  if (by_blocks) spec.layer_widths = read_block_widths(fields, spec);
  judge_unread_fields(fields, spec);
  return spec;
}

/// The text part of a multimodal Gemma 3. The other parts describe the image encoder.
DecoderSpec read_multimodal(const ConfigFields& outer) {
  const ConfigFields inner = outer.inside("text_config");
  const std::string type = inner.text("model_type", "gemma3_text");
  if (type != "gemma3_text") inner.refuse("model_type", "\"gemma3_text\"");
  const Family& family = find_family(type, inner.where());
  const ConfigFields fields = with_defaults(inner, family);
  DecoderSpec spec = read_decoder(fields, family);
  // transformers reads this from the outer object only.
  const bool inner_tied = spec.tied;
  spec.tied = outer.boolean("tie_word_embeddings", true);
  if (spec.tied != inner_tied) {
    spec.add_notice(
        {"field \"tie_word_embeddings\" is not the same inside \"text_config\" and "
         "outside, which is used",
         outer.where(), "remove the wrong one"});
  }
  if (spec.logit_softcap) {
    spec.logit_softcap.reset();
    spec.add_notice(
        {"field \"final_logit_softcapping\" has no effect in a multimodal model, as in "
         "transformers",
         inner.where(), ""});
  }
  judge_unread_fields(fields, spec);

  check_causal(outer);
  outer.has("model_type");
  if (outer.has("vision_config")) outer.inside("vision_config");
  outer.optional_integer("mm_tokens_per_image");
  for (const char* key :
       {"image_token_index", "boi_token_index", "eoi_token_index", "image_token_id", "boi_token_id",
        "eoi_token_id", "bos_token_id", "eos_token_id"}) {
    outer.token(key);
  }
  judge_unread_fields(outer, spec);
  return spec;
}

}  // namespace

Json& decoder_config(Json& config) {
  const bool multimodal = config.contains("text_config") && config["text_config"].is_object();
  return multimodal ? config["text_config"] : config;
}

DecoderSpec read_spec(const Json& config, const std::string& where) {
  const ConfigFields fields(config, where);
  const std::string type = fields.text("model_type", "");
  DecoderSpec spec = type == "gemma3" ? read_multimodal(fields) : read_plain(fields, type);
  spec.family = type;
  return spec;
}

DecoderSpec read_spec(const ModelDirectory& directory) {
  DecoderSpec spec = read_spec(directory.config(), (directory.path() / "config.json").string());
  spec.names = find_tensor_names(directory);
  check_head(directory, spec);
  name_unused_tensors(directory, spec);
  return spec;
}

}  // namespace expandft
