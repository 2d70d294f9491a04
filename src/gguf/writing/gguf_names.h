#pragma once

#include "families/decoder_spec.h"

#include <optional>
#include <string>

namespace expandft {

/// llama.cpp's name of a tensor: "blk.3.attn_q.weight" of "model.layers.3.self_attn.q_proj.weight".
/// Nothing for a tensor that is not of the decoder,
/// or is not known.
std::optional<std::string> gguf_tensor_name(const std::string& name, const DecoderSpec& spec);

}  // namespace expandft
