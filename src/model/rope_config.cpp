#include "model/rope_config.h"

#include <cmath>

namespace expandft {
namespace {

/// The object that says how RoPE is scaled, or an empty one.
ConfigFields scaling_of(const ConfigFields& config, const RopeRules& rules,
                        const std::string& layer_type) {
  if (config.has("rope_parameters")) {
    const ConfigFields parameters = config.inside("rope_parameters");
    const bool nested = parameters.has("full_attention") || parameters.has("sliding_attention");
    if (nested != rules.by_layer_type) {
      config.refuse("rope_parameters", rules.by_layer_type
                                           ? "an object with \"full_attention\" and "
                                             "\"sliding_attention\" inside"
                                           : "one object for all layers of this family");
    }
    if (!nested) return parameters;
    if (parameters.has(layer_type.c_str())) return parameters.inside(layer_type.c_str());
  } else if (rules.scaled && config.has("rope_scaling")) {
    return config.inside("rope_scaling");
  }
  return {Json::object(), config.where()};
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

/// YaRN (arXiv 2309.00071): the attention factor that the config leaves out.
double yarn_attention_factor(const ConfigFields& scaling, double factor) {
  const auto of = [factor](double mscale) {
    return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
  };
  const auto mscale = scaling.optional_number("mscale");
  const auto all_dim = scaling.optional_number("mscale_all_dim");
  return mscale && all_dim ? of(*mscale) / of(*all_dim) : of(1.0);
}

void read_yarn(const ConfigFields& scaling, RopeSpec& rope) {
  rope.scaling = RopeScaling::kYarn;
  rope.factor = scaling.number("factor");
  rope.beta_fast = scaling.number("beta_fast", rope.beta_fast);
  rope.beta_slow = scaling.number("beta_slow", rope.beta_slow);
  rope.truncate = scaling.boolean("truncate", true);
  rope.attention_factor =
      scaling.number("attention_factor", yarn_attention_factor(scaling, rope.factor));
}

/// LongRoPE (arXiv 2402.13753).
void read_long_rope(const ConfigFields& scaling, const DecoderSpec& spec, RopeSpec& rope) {
  rope.scaling = RopeScaling::kLongRope;
  const auto pairs = static_cast<std::size_t>(spec.rotary_dim / 2);
  rope.short_factor = scaling.numbers("short_factor", pairs);
  rope.long_factor = scaling.numbers("long_factor", pairs);
  const auto original = static_cast<double>(rope.original_max_positions);
  rope.factor = scaling.number("factor", static_cast<double>(spec.max_positions) / original);
  rope.attention_factor = scaling.number(
      "attention_factor",
      rope.factor <= 1 ? 1.0 : std::sqrt(1 + std::log(rope.factor) / std::log(original)));
}

}  // namespace

RopeSpec read_rope(const ConfigFields& config, const RopeRules& rules,
                   const std::string& layer_type, DecoderSpec& spec) {
  const ConfigFields scaling = scaling_of(config, rules, layer_type);
  RopeSpec rope;
  rope.theta = scaling.number("rope_theta", config.number(rules.theta_key, rules.default_theta));

  constexpr const char* kPartial = "partial_rotary_factor";
  const ConfigFields& partial = scaling.has(kPartial) ? scaling : config;
  const double share = partial.number(kPartial, 1.0);
  if (share > 1 || (share != 1 && !rules.partial)) {
    partial.refuse(kPartial,
                   rules.partial ? "a number up to 1" : "1.0: this family rotates whole heads");
  }
  spec.rotary_dim = static_cast<std::int64_t>(static_cast<double>(spec.head_dim) * share);
  if (spec.rotary_dim % 2 != 0 || spec.rotary_dim == 0) {
    partial.refuse(kPartial, "a share of head_dim that is an even number: RoPE turns pairs");
  }

  constexpr const char* kOriginal = "original_max_position_embeddings";
  rope.original_max_positions =
      (config.has(kOriginal) ? config : scaling).integer(kOriginal, spec.max_positions);
  const char* type_key = scaling.has("rope_type") ? "rope_type" : "type";
  std::string type = scaling.text(type_key, "default");
  if (rules.long_rope_only && (type == "su" || type == "yarn")) type = "longrope";
  if (type == "default" || type == "dynamic") {
    // Dynamic scaling sets in past max_position_embeddings, where nothing is computed here.
  } else if (type == "longrope") {
    read_long_rope(scaling, spec, rope);
  } else if (type == "linear" && !rules.long_rope_only) {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = scaling.number("factor");
  } else if (type == "llama3" && !rules.long_rope_only) {
    read_llama3(scaling, rope);
  } else if (type == "yarn") {
    read_yarn(scaling, rope);
  } else {
    scaling.refuse(
        type_key,
        rules.long_rope_only
            ? "\"default\" or \"longrope\""
            : "\"default\", \"dynamic\", \"linear\", \"llama3\", \"yarn\" or \"longrope\"",
        "other kinds of RoPE scaling are not supported");
  }
  return rope;
}

}  // namespace expandft
