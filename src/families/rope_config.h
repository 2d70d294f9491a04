#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// The two types of layer that config.json's layer_types can name.
inline constexpr const char* kFullAttention = "full_attention";
inline constexpr const char* kSlidingAttention = "sliding_attention";

/// How a family's config.json describes RoPE.
struct RopeRules {
  double default_theta = 10000.0;
  const char* theta_key = "rope_theta";  // in the older dialect
  bool scaled = true;                    // whether rope_scaling of the older dialect applies
  bool by_layer_type = false;            // whether rope_parameters is nested by layer type
  bool partial = false;                  // whether partial_rotary_factor is supported
  bool long_rope_only = false;           // Phi-3: "su" and "yarn" are older names of "longrope"
  bool multi_axis = false;               // "mrope": without images, all axes count tokens
  bool query_growth = false;             // llama_4_scaling_beta
  bool proportional = false;             // the type "proportional"
};

/// Reads both dialects: `rope_theta` and `rope_scaling` of most published checkpoints, and
/// `rope_parameters` of transformers 5, flat or nested by `layer_type`. Defaults and precedence as
/// in transformers' modeling_rope_utils. Input errors for kinds of scaling that are not supported.
/// `kind`: the kind of attention, of which head_dim must be set; sets its rope and rotary_dim.
/// spec.max_positions must be set.
void read_rope(const ConfigFields& config, const RopeRules& rules, const std::string& layer_type,
               AttentionKind& kind, DecoderSpec& spec);

}  // namespace expandft
