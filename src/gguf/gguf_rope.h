#pragma once

#include "base/json.h"
#include "gguf/gguf_keys.h"

namespace expandft {

/// Adds the RoPE of a GGUF file to a config.json that has its sizes: rope_theta, rope_scaling,
/// partial_rotary_factor. Input errors name the key or tensor: a kind of scaling that is not known,
/// or factors that follow no known rule.
void add_gguf_rope(GgufKeys& keys, Json& config);

}  // namespace expandft
