#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"
#include "families/rope_config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Which layers have windowed attention, for configs without layer_types.
enum class WindowRule {
  kNone,        // none: sliding_window is ignored
  kAll,         // all, if sliding_window is a number
  kAllButEach,  // all except every `window_period`-th
  kFromLayer,   // from max_window_layers on, if use_sliding_window is true
};

enum class Bias { kNever, kAlways, kByConfig };

/// What distinguishes a family of models, as data. Reference: transformers 5.24.
struct Family {
  std::string_view model_type;
  /// Values of fields that published checkpoints leave out, as JSON.
  std::string_view defaults = "{}";
  RopeRules rope;
  std::optional<RopeRules> window_rope;  // of windowed layers, if different
  WindowRule windows = WindowRule::kNone;
  std::int64_t window_period = 2;
  bool reads_window_period = false;  // sliding_window_pattern
  Bias qkv_bias = Bias::kNever, output_bias = Bias::kNever, mlp_bias = Bias::kNever;
  const char* activation_key = "hidden_act";
  bool gelu_means_tanh = false;
  bool scales_embedding = false;  // by the square root of hidden_size
  bool norm_adds_one = false, norms_after_blocks = false, query_key_norm = false;
  bool query_pre_attn_scalar = false;  // the scale of q·k is its inverse square root
  bool attention_softcap = false, logit_softcap = false;
  bool fused_projections = false;
};

/// The family of a model_type, or an input error that names it and lists the supported families.
const Family& find_family(std::string_view model_type, const std::string& where);

/// Whether each layer sees only a window: as layer_types says, otherwise by the family's rule.
/// Input error for layer_types that the family does not have, or a window without a size.
/// spec.layers must be set.
std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  DecoderSpec& spec);

}  // namespace expandft
