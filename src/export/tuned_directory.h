#pragma once

#include "checkpoint/model_directory.h"
#include "methods/llama_pro.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace expandft {

// A tuned model: the base with what a decoder's adaptation changed (LoRA, trained weights, added
// layers) at the strength that is set. `layers` says where each layer of the decoder comes from.

/// Bytes of the tensors that write_tuned will write.
std::uint64_t tuned_weight_bytes(const ModelDirectory& base,
                                 const std::vector<LayerOrigin>& layers);
/// Bytes of all files that write_tuned will write, at most.
std::uint64_t tuned_bytes(const ModelDirectory& base, const std::vector<LayerOrigin>& layers);

/// Computes a tensor when it is needed, so that not all are in memory at once.
using MakeTensor = std::function<at::Tensor()>;
/// The tensors that differ from the base's, by their names in the written model, before they are
/// rounded to the base's dtype.
std::map<std::string, MakeTensor> changed_tensors(const ModelDirectory& base,
                                                  const Decoder& decoder,
                                                  const std::vector<LayerOrigin>& layers);

/// The tensors of the tuned model, computed one by one as they are written, and its config.json.
std::vector<TensorSource> tuned_tensors(const ModelDirectory& base, const Decoder& decoder,
                                        const std::vector<LayerOrigin>& layers);
Json tuned_config(const Json& base, const DecoderSpec& spec,
                  const std::vector<LayerOrigin>& layers);

/// Writes a complete model into `directory`, which must exist, in the base's names and dtypes.
/// Tensors that did not train keep their bytes. README.md is `card`; `strength`, the one that is
/// set, goes to expandft.json.
void write_tuned(const fs::path& directory, const ModelDirectory& base, const Decoder& decoder,
                 const std::vector<LayerOrigin>& layers, const Strength& strength,
                 const std::string& card);

}  // namespace expandft
