#include "families/rope_config.h"

#include "base/wording.h"

#include <cmath>

namespace expandft {
namespace {

constexpr const char* kParameters = "rope_parameters";
constexpr const char* kScaling = "rope_scaling";
constexpr const char* kRemoveOne = "remove one of them";

ConfigFields no_fields(const ConfigFields& config) {
  return {Json::object(), config.where()};
}

/// An object of the config; empty if it is missing or null.
ConfigFields object_in(const ConfigFields& config, const char* key) {
  return config.has(key) ? config.inside(key) : no_fields(config);
}

/// Whether rope_parameters is nested by type of layer.
bool is_nested(const ConfigFields& parameters) {
  return parameters.has(kFullAttention) || parameters.has(kSlidingAttention);
}

void check_nesting(const ConfigFields& config, const char* key, const ConfigFields& parameters,
                   bool by_layer_type) {
  if (parameters.object().empty() || is_nested(parameters) == by_layer_type) return;
  config.refuse(key, by_layer_type ? "an object with \"full_attention\" and "
                                     "\"sliding_attention\" inside"
                                   : "one object for all layers of this family");
}

void read_llama3(const ConfigFields& scaling, RopeSpec& rope) {
  rope.scaling = RopeScaling::kLlama3;
  rope.factor = scaling.number("factor");
  rope.low_freq_factor = scaling.number("low_freq_factor");
  rope.high_freq_factor = scaling.number("high_freq_factor");
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    scaling.refuse("high_freq_factor", "more than low_freq_factor");
  }
}

/// The default attention factor of YaRN (arXiv 2309.00071).
double yarn_attention_factor(const ConfigFields& scaling, double factor) {
  const auto of = [factor](double mscale) {
    return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
  };
  const auto mscale = scaling.optional_number("mscale");
  const auto all_dim = scaling.optional_number("mscale_all_dim");
  return mscale && all_dim ? of(*mscale) / of(*all_dim) : of(1.0);
}

/// The default factor: max_position_embeddings / original context.
double context_ratio(const RopeSpec& rope, const DecoderSpec& spec) {
  return static_cast<double>(spec.max_positions) / static_cast<double>(rope.original_max_positions);
}

void read_yarn(const ConfigFields& scaling, const RopeRules& rules, const DecoderSpec& spec,
               RopeSpec& rope) {
  rope.scaling = RopeScaling::kYarn;
  // transformers fails without a factor, and takes the ratio of the contexts for null.
  rope.factor = scaling.is_null("factor") ? context_ratio(rope, spec) : scaling.number("factor");
  rope.beta_fast = scaling.optional_number("beta_fast").value_or(rope.beta_fast);
  rope.beta_slow = scaling.optional_number("beta_slow").value_or(rope.beta_slow);
  // With parameters nested by layer type, transformers does not find it inside them.
  if (!rules.by_layer_type) rope.truncate = scaling.boolean("truncate", true);
  const double default_factor = yarn_attention_factor(scaling, rope.factor);
  rope.attention_factor = scaling.optional_number("attention_factor").value_or(default_factor);
}

/// LongRoPE (arXiv 2402.13753).
void read_long_rope(const ConfigFields& scaling, const DecoderSpec& spec, std::int64_t rotary_dim,
                    RopeSpec& rope) {
  rope.scaling = RopeScaling::kLongRope;
  const auto pairs = static_cast<std::size_t>(rotary_dim / 2);
  rope.short_factor = scaling.numbers("short_factor", pairs);
  rope.long_factor = scaling.numbers("long_factor", pairs);
  rope.factor = scaling.optional_number("factor").value_or(context_ratio(rope, spec));
  const auto original = static_cast<double>(rope.original_max_positions);
  rope.attention_factor =
      scaling.optional_number("attention_factor")
          .value_or(rope.factor <= 1 ? 1.0
                                     : std::sqrt(1 + std::log(rope.factor) / std::log(original)));
}

/// partial_rotary_factor, up to 1.
double read_partial_factor(const ConfigFields& config, const ConfigFields& scaling, bool is_known) {
  constexpr const char* kPartial = "partial_rotary_factor";
  const ConfigFields& partial = scaling.has(kPartial) ? scaling : config;
  const double share =
      is_known ? partial.number(kPartial, 1.0) : partial.optional_number(kPartial).value_or(1);
  if (share > 1 || (share != 1 && !is_known)) {
    partial.refuse(kPartial,
                   is_known ? "a number up to 1" : "1.0: this family rotates whole heads");
  }
  return share;
}

/// How many numbers of each head turn.
std::int64_t read_rotary_dim(const ConfigFields& config, const ConfigFields& scaling,
                             const RopeRules& rules, std::int64_t head_dim) {
  const double share = read_partial_factor(config, scaling, rules.partial);
  const auto rotary_dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * share);
  if (rotary_dim % 2 != 0 || rotary_dim == 0) {
    const ConfigFields& partial = scaling.has("partial_rotary_factor") ? scaling : config;
    partial.refuse("partial_rotary_factor",
                   "a share of head_dim that is an even number: RoPE turns pairs");
  }
  return rotary_dim;
}

/// Gemma 4's RoPE of full attention: the slow pairs do not turn.
void read_proportional(const ConfigFields& config, const ConfigFields& scaling,
                       std::int64_t head_dim, RopeSpec& rope) {
  constexpr const char* kPartial = "partial_rotary_factor";
  if (scaling.is_null(kPartial)) scaling.refuse(kPartial, "a number up to 1");
  rope.scaling = RopeScaling::kProportional;
  rope.factor = scaling.number("factor", 1.0);
  const double share = read_partial_factor(config, scaling, true);
  rope.turned_pairs =
      static_cast<std::int64_t>(std::floor(share * static_cast<double>(head_dim) / 2));
}

/// "rope_type", or "type" in older configs.
std::string read_type(const ConfigFields& scaling, const RopeRules& rules, DecoderSpec& spec) {
  const std::string older = scaling.text("type", "default");
  std::string type = scaling.text("rope_type", older);
  if (scaling.has("type") && type != older) {
    spec.add_notice(
        {"\"type\" and \"rope_type\" contradict each other: the latter is used, as in "
         "transformers",
         scaling.where(), kRemoveOne});
  }
  if (rules.long_rope_only && (type == "su" || type == "yarn")) type = "longrope";
  if (rules.multi_axis) {
    for (const char* key : {"mrope_section", "mrope_interleaved"}) scaling.has(key);
    if (type == "mrope") type = "default";
  }
  return type;
}

Notice contradiction(const ConfigFields& config) {
  return {
      "\"rope_scaling\" and \"rope_parameters\" contradict each other: the former is used, as in "
      "transformers",
      config.where(), kRemoveOne};
}

void read_query_growth(const ConfigFields& scaling, const DecoderSpec& spec, RopeSpec& rope) {
  constexpr const char* kOriginal = "original_max_position_embeddings";
  rope.query_growth = scaling.number("llama_4_scaling_beta");
  if (!scaling.has(kOriginal)) {
    scaling.refuse(kOriginal, "a number of tokens: \"llama_4_scaling_beta\" depends on it");
  }
  const auto positions = scaling.optional_integer("max_position_embeddings");
  if (positions && *positions != spec.max_positions) {
    scaling.refuse("max_position_embeddings", std::to_string(spec.max_positions) + ", as outside");
  }
}

/// Reads an object of RoPE parameters, and the related fields outside of it in the config. Sets
/// kind.rotary_dim.
RopeSpec read_scaling(const ConfigFields& config, const ConfigFields& scaling,
                      const RopeRules& rules, AttentionKind& kind, DecoderSpec& spec) {
  RopeSpec rope;
  const double outside = config.number(rules.theta_key, rules.default_theta);
  rope.theta = scaling.number("rope_theta", outside);
  if (config.has(rules.theta_key) && rope.theta != outside) {
    spec.add_notice({std::string("field \"") + rules.theta_key +
                         "\" differs from \"rope_theta\" inside, which is used",
                     config.where(), kRemoveOne});
  }
  const std::string type = read_type(scaling, rules, spec);
  const bool is_proportional = rules.proportional && type == "proportional";
  if (rules.proportional && !is_proportional && kind.head_dim != spec.head_dim) {
    // transformers turns as many numbers as the other layers' heads have, and fails.
    scaling.refuse("rope_type", "\"proportional\" for heads of another size than head_dim");
  }
  kind.rotary_dim =
      is_proportional ? kind.head_dim : read_rotary_dim(config, scaling, rules, kind.head_dim);

  constexpr const char* kOriginal = "original_max_position_embeddings";
  const bool beside = !rules.by_layer_type && config.has(kOriginal);
  const std::int64_t inside = scaling.integer(kOriginal, spec.max_positions);
  rope.original_max_positions = beside ? config.integer(kOriginal) : inside;
  if (scaling.has(kOriginal) && rope.original_max_positions != inside) {
    spec.add_notice(
        {std::string("field \"") + kOriginal +
             "\" differs from the one inside: the outer one is used, as in transformers",
         config.where(), kRemoveOne});
  }
  if (type == "longrope") {
    read_long_rope(scaling, spec, kind.rotary_dim, rope);
  } else if (is_proportional) {
    read_proportional(config, scaling, kind.head_dim, rope);
  } else if (type == "linear" && !rules.long_rope_only) {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = scaling.number("factor");
  } else if (type == "llama3" && !rules.long_rope_only) {
    read_llama3(scaling, rope);
  } else if (type == "yarn") {
    read_yarn(scaling, rules, spec, rope);
  } else if (type == "dynamic" && !rules.long_rope_only) {
    // Takes effect beyond max_position_embeddings only, which expandft never exceeds.
    scaling.number("factor");
  } else if (type != "default") {
    scaling.refuse(
        scaling.has("rope_type") ? "rope_type" : "type",
        rules.long_rope_only
            ? "\"default\" or \"longrope\""
            : "\"default\", \"dynamic\", \"linear\", \"llama3\", \"yarn\" or \"longrope\"",
        "other kinds of RoPE scaling are not supported");
  }
  if (rules.query_growth) read_query_growth(scaling, spec, rope);
  if (const auto unread = scaling.unread(); !unread.empty()) {
    spec.add_notice({quoted_list(unread) + ": ignored for RoPE of type \"" + type + "\"",
                     scaling.where(),
                     "if it changes what the model computes, expandft computes something else"});
  }
  return rope;
}

/// The nested parameters of a family that has no older dialect: each type of layer states its own.
RopeSpec read_stated(const ConfigFields& config, const ConfigFields& parameters,
                     const RopeRules& rules, const std::string& layer_type, AttentionKind& kind,
                     DecoderSpec& spec) {
  if (!object_in(config, kScaling).object().empty()) {
    config.refuse(kScaling, "nothing: this family has \"rope_parameters\"");
  }
  const ConfigFields own = parameters.inside(layer_type.c_str());
  own.number("rope_theta");
  return read_scaling(config, own, rules, kind, spec);
}

/// The parameters of a family that nests them by type of layer. The older rope_scaling overrides
/// those of the full-attention layers.
RopeSpec read_nested(const ConfigFields& config, const RopeRules& rules,
                     const std::string& layer_type, AttentionKind& kind, DecoderSpec& spec) {
  const ConfigFields parameters = object_in(config, kParameters);
  const ConfigFields older = object_in(config, kScaling);
  check_nesting(config, kParameters, parameters, true);
  for (const char* key : {kFullAttention, kSlidingAttention}) parameters.has(key);
  if (const auto unread = parameters.unread(); !unread.empty()) {
    spec.add_notice({quoted_list(unread) + ": not a type of layer, ignored", parameters.where(),
                     "put parameters of layers inside \"full_attention\" or "
                     "\"sliding_attention\""});
  }
  if (rules.proportional) return read_stated(config, parameters, rules, layer_type, kind, spec);
  const ConfigFields own = object_in(parameters, layer_type.c_str());
  if (!rules.scaled || older.object().empty()) return read_scaling(config, own, rules, kind, spec);
  Json both = own.object();
  both.update(older.object());
  const RopeSpec rope = read_scaling(config, {both, older.where()}, rules, kind, spec);
  if (!own.object().empty() && rope != read_scaling(config, own, rules, kind, spec)) {
    spec.add_notice(contradiction(config));
  }
  return rope;
}

/// The parameters of a family that has the same in all layers.
RopeSpec read_flat(const ConfigFields& config, const RopeRules& rules, AttentionKind& kind,
                   DecoderSpec& spec) {
  const ConfigFields parameters = object_in(config, kParameters);
  const ConfigFields older = object_in(config, kScaling);
  check_nesting(config, kParameters, parameters, false);
  check_nesting(config, kScaling, older, false);
  if (older.object().empty()) return read_scaling(config, parameters, rules, kind, spec);
  const RopeSpec rope = read_scaling(config, older, rules, kind, spec);
  if (!parameters.object().empty() && rope != read_scaling(config, parameters, rules, kind, spec)) {
    spec.add_notice(contradiction(config));
  }
  return rope;
}

}  // namespace

void read_rope(const ConfigFields& config, const RopeRules& rules, const std::string& layer_type,
               AttentionKind& kind, DecoderSpec& spec) {
  kind.rope = rules.by_layer_type ? read_nested(config, rules, layer_type, kind, spec)
                                  : read_flat(config, rules, kind, spec);
}

}  // namespace expandft
