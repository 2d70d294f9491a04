#pragma once

#include "families/decoder_spec.h"
#include "gguf/writing/gguf_target.h"
#include "gguf/writing/gguf_writer.h"

#include <string>
#include <vector>

namespace expandft {

/// What a GGUF file says of itself.
struct GgufTitle {
  std::string name;                // general.name
  std::int64_t parameters = 0;     // general.size_label
  GgufType type = GgufType::kF32;  // of most tensors: general.file_type
};

/// The keys of a model, in the order of llama.cpp's converter, up to those of the tokenizer: what
/// gguf_model_config reads back.
void add_model_keys(const DecoderSpec& spec, const GgufTarget& target, const GgufTitle& title,
                    GgufMetadata& metadata);

/// The tensors that a GGUF file has in place of numbers in config.json: the factors of Llama 3's
/// RoPE ("rope_freqs.weight") and of LongRoPE. They precede the others.
std::vector<GgufTensorSource> rope_factor_tensors(const DecoderSpec& spec);

/// "270M", "1.5B".
std::string size_label(std::int64_t parameters);

}  // namespace expandft
