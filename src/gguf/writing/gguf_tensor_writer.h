#pragma once

#include "checkpoint/safetensors.h"
#include "families/decoder_spec.h"
#include "gguf/writing/gguf_target.h"
#include "gguf/writing/gguf_writer.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace expandft {

/// The type in which a tensor is written if most are of `type`: norms, biases and other vectors
/// stay F32, and rows that are not whole blocks of a quantised type become F16, as in llama.cpp's
/// converter. `name` is GGUF's.
GgufType type_of_tensor(const std::string& name, const Shape& shape, GgufType type);

/// The tensors of a model (F32, F16 or BF16; others of the decoder are refused by name) under
/// llama.cpp's names and in its order of rows, in `type` (type_of_tensor). Each is computed when it
/// is written: in memory are its numbers in their own dtype, and one row. Tensors that are not of
/// the decoder are left out. Input errors name the tensor: not known, of another dtype, or (when
/// written) a number that is not finite or too large for the type. `where` names the model.
std::vector<GgufTensorSource> gguf_tensors_of(const std::vector<TensorSource>& tensors,
                                              const DecoderSpec& spec, const GgufTarget& target,
                                              GgufType type, const std::string& where);

/// The numbers of a tensor in fp32, rounded as gguf_tensors_of would write them, in the order of
/// transformers: what a reader of the file computes with.
std::vector<float> rounded_numbers(const TensorSource& tensor, const DecoderSpec& spec,
                                   const GgufTarget& target, GgufType type);

}  // namespace expandft
