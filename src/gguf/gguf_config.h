#pragma once

#include "base/json.h"
#include "base/notice.h"
#include "gguf/gguf_file.h"

#include <string>

namespace expandft {

/// transformers' name of the file's architecture ("gemma3_text" of "gemma3"); llama.cpp's of one
/// that is not known. "" if the file states none.
std::string gguf_model_type(const GgufFile& file);

/// The config.json of the model in a GGUF file, with torch_dtype `dtype` ("bfloat16"). Input errors
/// name the key: an architecture that is not known, experts, a kind of RoPE that is not. Keys of
/// the architecture that nothing reads are added to `notices`.
Json gguf_model_config(const GgufFile& file, const std::string& dtype, Notices& notices);

}  // namespace expandft
