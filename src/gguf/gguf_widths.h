#pragma once

#include "base/json.h"
#include "gguf/gguf_keys.h"

namespace expandft {

/// Adds the MLP widths of DeciLM's layers, which differ, to a config.json that has the other sizes:
/// "block_configs", which state widths as multiples of 256, and "intermediate_size", the largest.
/// Input errors of the key feed_forward_length: no list with a value for each layer, other widths.
void add_gguf_widths(GgufKeys& keys, Json& config);

}  // namespace expandft
