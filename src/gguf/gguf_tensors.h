#pragma once

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "gguf/gguf_file.h"

#include <vector>

namespace expandft {

/// The tensors of a GGUF file under the names of transformers, in `dtype` (bfloat16 or float32):
/// dequantised, queries and keys of Llama in transformers' order of rows, and norms of Gemma
/// without the 1 that llama.cpp adds. `config` is gguf_model_config's. Each is computed when it is
/// written, row by row. Input errors name the tensor: not known, of a layer beyond the config's, or
/// (when written) with a number that is not finite or too large for bfloat16.
std::vector<TensorSource> gguf_tensor_sources(const GgufFile& file, const Json& config,
                                              Dtype dtype);

}  // namespace expandft
