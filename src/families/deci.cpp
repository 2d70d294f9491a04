#include "families/deci.h"

#include "families/unread_fields.h"

#include <cmath>

namespace expandft {
namespace {

constexpr std::int64_t kMultiple = 256;
constexpr const char* kBlocks = "block_configs";

bool rope_is_known(const RopeSpec& rope) {
  return rope.query_growth == 0 &&
         (rope.scaling == RopeScaling::kNone || rope.scaling == RopeScaling::kLlama3);
}

/// Whether a part of a block exists and computes what Llama's does.
bool is_whole(const ConfigFields& part) {
  return !part.boolean("no_op", false) && !part.boolean("replace_with_linear", false);
}

}  // namespace

std::int64_t deci_width(std::int64_t at_least) {
  return (at_least + kMultiple - 1) / kMultiple * kMultiple;
}

double deci_factor(std::int64_t width, std::int64_t hidden) {
  // Rounding errors in the product in deci_factor_width are far below 1, so truncation gives
  // `width` or one less; both are rounded up to `width`.
  return 3.0 * static_cast<double>(width) / (2.0 * static_cast<double>(hidden));
}

std::int64_t deci_factor_width(double ffn_mult, std::int64_t hidden) {
  const double product = 2 * ffn_mult * static_cast<double>(hidden) / 3;
  constexpr double kMost = 2147483648.0;
  if (!(product >= 1 && product <= kMost)) return 0;
  return deci_width(static_cast<std::int64_t>(product));
}

std::string deci_obstacle(const DecoderSpec& spec) {
  if (spec.fused_projections) return "fused projections";
  if (spec.qkv_bias || spec.output_bias || spec.mlp_bias) return "biases";
  if (spec.query_key_norm) return "norms of queries and keys";
  if (spec.norm != NormRule::kRoundThenScale || spec.norms_after_blocks ||
      spec.mlp_norm != DecoderSpec().mlp_norm)
    return "norms of another kind";
  if (spec.attention_softcap || spec.logit_softcap) return "soft caps";
  if (spec.embedding_scale != 1.0) return "scaled embeddings";
  if (spec.residual_scale != 1.0 || spec.logit_scale != 1.0) return "scaled residuals or logits";
  if (spec.query_scale != 1.0 / std::sqrt(static_cast<double>(spec.head_dim))) {
    return "another scale of queries";
  }
  if (spec.activation != Activation::kSilu) return "an activation other than SiLU";
  if (spec.attention_kinds.size() != 1 || spec.attention(0).window) return "windowed attention";
  if (!spec.attention(0).rotates) return "attention without RoPE";
  if (!rope_is_known(spec.attention(0).rope) || spec.attention(0).rotary_dim != spec.head_dim) {
    return "RoPE that is scaled in another way than Llama 3's";
  }
  // llama.cpp's converter does not read head_dim.
  if (spec.head_dim * spec.heads != spec.hidden) return "a head_dim other than hidden size / heads";
  return {};
}

Json deci_config(const Json& base_config, const DecoderSpec& spec,
                 const std::vector<std::int64_t>& widths) {
  Json config = base_config;
  config["model_type"] = kDeciModelType;
  config["architectures"] = {"DeciLMForCausalLM"};
  // Readers of DeciLM may not know the defaults of the base's family, so state all values.
  config["num_key_value_heads"] = spec.kv_heads;
  config["head_dim"] = spec.head_dim;
  config["max_position_embeddings"] = spec.max_positions;
  config["rms_norm_eps"] = spec.norm_eps;
  config["hidden_act"] = "silu";
  config["tie_word_embeddings"] = spec.tied;
  config.erase("sliding_window");
  if (!config.contains("rope_parameters")) config["rope_theta"] = spec.attention(0).rope.theta;
  Json& blocks = config[kBlocks] = Json::array();
  for (const std::int64_t width : widths) {
    blocks.push_back({{"attention",
                       {{"n_heads_in_group", spec.heads / spec.kv_heads},
                        {"no_op", false},
                        {"replace_with_linear", false}}},
                      {"ffn",
                       {{"ffn_mult", deci_factor(width, spec.hidden)},
                        {"no_op", false},
                        {"replace_with_linear", false}}}});
  }
  return config;
}

std::vector<std::int64_t> read_block_widths(const ConfigFields& fields, const DecoderSpec& spec) {
  const std::string expected = "a block for each of the " + std::to_string(spec.layers) + " layers";
  if (!fields.has(kBlocks) || !fields.object().at(kBlocks).is_array() ||
      std::ssize(fields.object().at(kBlocks)) != spec.layers) {
    fields.refuse(kBlocks, expected);
  }
  std::vector<std::int64_t> widths;
  for (const Json& block : fields.object().at(kBlocks)) {
    const ConfigFields one(
        block.is_object() ? block : Json::object(),
        fields.where() + ", " + kBlocks + "[" + std::to_string(widths.size()) + "]");
    const ConfigFields attention = one.inside("attention"), mlp = one.inside("ffn");
    for (const auto& [part, name] : {std::pair(&attention, "attention"), std::pair(&mlp, "ffn")}) {
      if (!is_whole(*part)) one.refuse(name, "a block that is neither a no-op nor linear");
    }
    const std::int64_t group = spec.heads / spec.kv_heads;
    const double factor = mlp.number("ffn_mult");
    if (attention.integer("n_heads_in_group") != group) {
      attention.refuse("n_heads_in_group",
                       std::to_string(group) + ", num_attention_heads / num_key_value_heads");
    }
    for (const ConfigFields* part : {&attention, &mlp}) {
      for (const std::string& key : part->unread()) {
        if (!says_nothing(part->object().at(key))) {
          part->refuse(key.c_str(),
                       "nothing: only the fields of DeciLM that expandft writes are supported");
        }
      }
    }
    widths.push_back(deci_factor_width(factor, spec.hidden));
    if (widths.back() == 0) mlp.refuse("ffn_mult", "a factor that gives a width from 1 to 2³¹");
  }
  return widths;
}

}  // namespace expandft
