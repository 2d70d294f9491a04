#pragma once

#include "families/decoder_spec.h"

#include <string>

namespace expandft {

// The layout "remote-code" adds a Python file to the model directory: a class for transformers that
// gives each layer's MLP its width from config.json (kLayerWidthsKey).

/// The file's name without ".py", as in "auto_map" of config.json.
inline constexpr const char* kModelingModule = "modeling_expandft";

/// The class for a family: "ExpandedLlamaForCausalLM".
std::string modeling_class(const DecoderSpec& spec);
/// The text of modeling_expandft.py for a family.
std::string modeling_file(const DecoderSpec& spec);

}  // namespace expandft
