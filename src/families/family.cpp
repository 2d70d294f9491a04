#include "families/family.h"

#include "base/error.h"

#include <algorithm>
#include <cstdint>

namespace expandft {
namespace {

constexpr RopeRules kLocalRope = {
    .theta_key = "rope_local_base_freq", .scaled = false, .by_layer_type = true};

constexpr Family kFamilies[] = {
    {.model_type = "llama",
     .defaults = R"({"max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "hidden_act": "silu"})",
     .qkv_bias = Bias::kByConfig,
     .output_bias = Bias::kByConfig,
     .mlp_bias = Bias::kByConfig},
    {.model_type = "mistral",
     .defaults = R"({"max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
                     "hidden_act": "silu", "num_key_value_heads": 8, "sliding_window": 4096})",
     .windows = WindowRule::kAll},
    {.model_type = "gemma",
     .defaults = R"({"max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "head_dim": 256,
                     "num_key_value_heads": 16, "hidden_act": "gelu_pytorch_tanh",
                     "tie_word_embeddings": true})",
     .qkv_bias = Bias::kByConfig,
     .output_bias = Bias::kByConfig,
     .gelu_means_tanh = true,
     .scales_embedding = true,
     .norm_adds_one = true},
    {.model_type = "gemma2",
     .defaults = R"({"max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "head_dim": 256,
                     "num_key_value_heads": 4, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true,
                     "query_pre_attn_scalar": 256, "sliding_window": 4096,
                     "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0})",
     .windows = WindowRule::kAllButEach,
     .qkv_bias = Bias::kByConfig,
     .output_bias = Bias::kByConfig,
     .activation_key = "hidden_activation",
     .scales_embedding = true,
     .norm_adds_one = true,
     .norms_after_blocks = true,
     .query_pre_attn_scalar = true,
     .attention_softcap = true,
     .logit_softcap = true},
    // The text part of published multimodal checkpoints states little more than what differs from
    // these defaults.
    {.model_type = "gemma3_text",
     .defaults = R"({"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216,
                     "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4,
                     "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "head_dim": 256,
                     "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true,
                     "query_pre_attn_scalar": 256, "sliding_window": 4096,
                     "bos_token_id": 2, "eos_token_id": 1})",
     .rope = {.default_theta = 1e6, .by_layer_type = true},
     .window_rope = kLocalRope,
     .windows = WindowRule::kAllButEach,
     .window_period = 6,
     .reads_window_period = true,
     .qkv_bias = Bias::kByConfig,
     .output_bias = Bias::kByConfig,
     .activation_key = "hidden_activation",
     .scales_embedding = true,
     .norm_adds_one = true,
     .norms_after_blocks = true,
     .query_key_norm = true,
     .query_pre_attn_scalar = true,
     .logit_softcap = true},
    {.model_type = "qwen2",
     .defaults = R"({"max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "hidden_act": "silu",
                     "num_key_value_heads": 32, "sliding_window": 4096, "max_window_layers": 28})",
     .windows = WindowRule::kFromLayer,
     .qkv_bias = Bias::kAlways},
    {.model_type = "qwen3",
     .defaults = R"({"max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "hidden_act": "silu",
                     "num_key_value_heads": 32, "head_dim": 128, "sliding_window": 4096, "max_window_layers": 28})",
     .windows = WindowRule::kFromLayer,
     .qkv_bias = Bias::kByConfig,
     .output_bias = Bias::kByConfig,
     .query_key_norm = true},
    {.model_type = "phi3",
     .defaults = R"({"max_position_embeddings": 4096, "original_max_position_embeddings": 4096,
                     "rms_norm_eps": 1e-5, "hidden_act": "silu"})",
     .rope = {.partial = true, .long_rope_only = true},
     .windows = WindowRule::kAll,
     .fused_projections = true},
};

/// The windowed layers by the family's rule, for configs without layer_types.
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

}  // namespace

const Family& find_family(std::string_view model_type, const std::string& where) {
  const auto* const found = std::ranges::find(kFamilies, model_type, &Family::model_type);
  if (found != std::end(kFamilies)) return *found;
  std::string known;
  for (const Family& family : kFamilies) known += std::string(family.model_type) + ", ";
  throw input_error("field \"model_type\" is \"" + std::string(model_type) +
                        "\"; expected one of " + known + "gemma3",
                    where, "other families are not supported");
}

std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  DecoderSpec& spec) {
  const auto count = static_cast<std::size_t>(spec.layers);
  const bool by_switch = family.windows == WindowRule::kFromLayer;  // off by default
  const bool is_on = !by_switch || fields.boolean("use_sliding_window", false);
  const bool has_window = family.windows != WindowRule::kNone && fields.has("sliding_window") &&
                          fields.integer("sliding_window") > 0 && is_on;
  std::vector<bool> windowed = windowed_by_rule(fields, family, spec, has_window);
  constexpr const char* kTypes = "layer_types";
  if (!fields.has(kTypes)) return windowed;

  const std::vector<bool> by_rule = windowed;
  const std::vector<std::string> types = fields.texts(kTypes, count);
  for (std::size_t i = 0; i < count; ++i) {
    if (types[i] != kFullAttention && types[i] != kSlidingAttention) {
      fields.refuse(
          kTypes, std::string("\"") + kFullAttention + "\" and \"" + kSlidingAttention + "\" only");
    }
    windowed[i] = types[i] == kSlidingAttention;
  }
  const bool reads_types =
      family.windows == WindowRule::kFromLayer || family.windows == WindowRule::kAllButEach;
  if (!reads_types && windowed != by_rule) {
    fields.refuse(kTypes, "the same type for all layers: this family has no mixed types");
  }
  constexpr const char* kPattern = "sliding_window_pattern";
  if (family.reads_window_period && fields.has(kPattern) && windowed != by_rule) {
    spec.add_notice({std::string("fields \"") + kPattern + "\" and \"" + kTypes +
                         "\" contradict each other: the latter is used, as in transformers",
                     fields.where(), "remove one of them"});
  }
  if (std::ranges::count(windowed, true) > 0 && !has_window) {
    fields.refuse(by_switch ? "use_sliding_window" : "sliding_window",
                  "a window for the layers of layer_types that are \"sliding_attention\"");
  }
  return windowed;
}

}  // namespace expandft
