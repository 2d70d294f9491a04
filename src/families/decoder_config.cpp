#include "families/decoder_config.h"

#include "families/attention_config.h"
#include "families/model_config.h"

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

bool read_bias(const ConfigFields& fields, Bias rule, const char* key) {
  if (rule == Bias::kByConfig) return fields.boolean(key, false);
  if (rule == Bias::kNever && fields.has(key) && fields.boolean(key, false)) {
    fields.refuse(key, "false: this family does not have these biases");
  }
  return rule == Bias::kAlways;
}

void read_biases(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  spec.qkv_bias = read_bias(fields, family.qkv_bias, "attention_bias");
  spec.output_bias = family.output_bias == Bias::kByConfig &&
                     (std::string_view(family.output_bias_key) == "attention_bias"
                          ? spec.qkv_bias
                          : fields.boolean(family.output_bias_key, false));
  spec.mlp_bias = read_bias(fields, family.mlp_bias, "mlp_bias");
  if (family.equal_biases && spec.qkv_bias != spec.mlp_bias) {
    fields.refuse("mlp_bias", "the same as \"attention_bias\"");
  }
}

void read_scales(const ConfigFields& fields, const Family& family, DecoderSpec& spec) {
  if (family.scales_embedding) {
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden));
    spec.rounds_embedding_scale = true;
  }
  if (family.logit_softcap) spec.logit_softcap = fields.optional_number("final_logit_softcapping");
  if (!family.has_multipliers) return;
  spec.embedding_scale = fields.number("embedding_multiplier", 1.0);
  spec.residual_scale = fields.number("residual_multiplier", 1.0);
  spec.query_scale = fields.number("attention_multiplier", 1.0);
  spec.logit_scale = 1.0 / fields.number("logits_scaling", 1.0);
}

/// Fields that may be null although the family has a default: null means none.
constexpr std::string_view kNullable[] = {"sliding_window", "attn_logit_softcapping",
                                          "final_logit_softcapping", "bos_token_id",
                                          "eos_token_id"};

/// Gives the values of a family's other names of fields to the fields.
void resolve_aliases(const ConfigFields& config, const Family& family, Json& fields) {
  for (const auto& [key, field] : family.aliases) {
    const std::string name(field);
    const auto found = key.empty() ? fields.end() : fields.find(key);
    if (found == fields.end()) continue;
    if (fields.value(name, *found) != *found) {
      config.refuse(std::string(key).c_str(), "the value of \"" + name + "\"");
    }
    fields[name] = Json(*found);
    fields.erase(std::string(key));
  }
}

}  // namespace

ConfigFields with_defaults(const ConfigFields& config, const Family& family,
                           std::string_view more) {
  Json merged = Json::parse(family.defaults);
  merged.update(Json::parse(family.other_defaults));
  merged.update(Json::parse(more));
  // The older dialect overrides the family's rope_parameters, as it does those of a config.
  const Json older = config.object().value("rope_scaling", Json());
  if (family.rope.scaled && older.is_object() && !older.empty()) merged.erase("rope_parameters");
  for (const auto& [key, value] : config.object().items()) {
    const bool has_default = value.is_null() && merged.contains(key);
    if (has_default && merged.at(key).is_object()) continue;
    if (has_default && std::ranges::count(kNullable, key) == 0) {
      config.refuse(key.c_str(), merged.at(key).type_name());
    }
    merged[key] = value;
  }
  resolve_aliases(config, family, merged);
  return {std::move(merged), config.where()};
}

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
  spec.norm = family.norm;
  spec.norms_after_blocks = family.norms_after_blocks;
  spec.query_key_norm = family.query_key_norm;
  spec.value_norm = family.value_norm;
  spec.layer_scale = family.layer_scale;
  spec.mlp_norm = family.mlp_norm;
  spec.fused_projections = family.fused_projections;
  read_scales(fields, family, spec);
  read_biases(fields, family, spec);
  spec.tied = fields.boolean("tie_word_embeddings", false);
  spec.bos = fields.token("bos_token_id");
  spec.eos = fields.token("eos_token_id");
  fields.has("model_type");
  return spec;
}

}  // namespace expandft
