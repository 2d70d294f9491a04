#pragma once

#include "families/decoder_spec.h"

#include <string>

namespace expandft {

// What the layout "remote-code" adds to a model directory for the transformers package: a class
// that gives each layer's MLP the width that config.json states (kLayerWidthsKey).

/// Its file's name, without ".py", as config.json's "auto_map" has it.
inline constexpr const char* kModelingModule = "modeling_expandft";

/// The class for a family: "ExpandedLlamaForCausalLM".
std::string modeling_class(const DecoderSpec& spec);
/// The text of modeling_expandft.py for a family.
std::string modeling_file(const DecoderSpec& spec);

}  // namespace expandft
