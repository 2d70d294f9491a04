#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"
#include "families/rope_config.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Which layers have windowed attention, for configs without layer_types.
enum class WindowRule {
  kNone,         // none: sliding_window is ignored
  kAll,          // all, if sliding_window is a number
  kAllOrTypes,   // the same, but layer_types may say otherwise
  kAllButEach,   // all except every `window_period`-th
  kAllButFirst,  // all except the first and each `window_period`-th after it
  kFromLayer,    // from max_window_layers on, if use_sliding_window is true
  kUnrotated,    // those without RoPE, if use_sliding_window is true
};

enum class Bias { kNever, kAlways, kByConfig };

/// What distinguishes a family of models, as data. Reference: transformers 5.24.
struct Family {
  /// Another name of a field.
  struct Alias {
    std::string_view key, field;
  };

  std::string_view model_type;
  /// Values of fields that published checkpoints leave out, as JSON.
  std::string_view defaults = "{}";
  /// Those in which it differs from another family with the same `defaults`.
  std::string_view other_defaults = "{}";
  RopeRules rope;
  std::optional<RopeRules> window_rope;  // of windowed layers, if different
  WindowRule windows = WindowRule::kNone;
  std::int64_t window_period = 2;
  bool reads_window_period = false;  // sliding_window_pattern
  Bias qkv_bias = Bias::kNever, output_bias = Bias::kNever, mlp_bias = Bias::kNever;
  const char* output_bias_key = "attention_bias";
  bool equal_biases = false;  // of attention and MLP: all or none
  std::array<Alias, 2> aliases = {};
  const char* activation_key = "hidden_act";
  bool gelu_means_tanh = false;
  bool scales_embedding = false;  // by the square root of hidden_size
  NormRule norm = NormRule::kRoundThenScale;
  bool norms_after_blocks = false, query_key_norm = false;
  const char* mlp_norm = "post_attention_layernorm";
  bool has_unrotated_layers = false;  // no_rope_layers, or each no_rope_layer_interval-th
  bool has_multipliers = false;       // of embeddings, residuals, scores, and a divisor of logits
  bool value_norm = false, layer_scale = false, unscaled_scores = false;
  bool last_layer_is_full = false;     // whatever layer_types says
  bool has_sizes_by_layer = false;     // per_layer_config, or global_head_dim and its like
  bool has_vision_attention = false;   // use_bidirectional_attention may be "vision"
  bool query_pre_attn_scalar = false;  // the scale of q·k is its inverse square root
  bool attention_softcap = false, logit_softcap = false;
  bool fused_projections = false;
};

/// The family of a model_type, or an input error that names it and lists the supported families.
const Family& find_family(std::string_view model_type, const std::string& where);

/// Whether each layer rotates queries and keys, by no_rope_layers. spec.layers must be set.
std::vector<bool> rotated_layers(const ConfigFields& fields, const Family& family,
                                 const DecoderSpec& spec);

/// Whether each layer sees only a window: as layer_types says, otherwise by the family's rule.
/// `rotated` as rotated_layers. Input error for layer_types that the family does not have, or a
/// window without a size. spec.layers must be set.
std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  const std::vector<bool>& rotated, DecoderSpec& spec);

}  // namespace expandft
