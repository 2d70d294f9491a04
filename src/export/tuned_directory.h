#pragma once

#include "checkpoint/model_directory.h"
#include "export/verification.h"
#include "methods/trained_weights.h"
#include "model/decoder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// Bytes of the tensors that write_tuned will write; and of all files, at most.
std::uint64_t tuned_weight_bytes(const ModelDirectory& base,
                                 const std::vector<LayerOrigin>& layers);
std::uint64_t tuned_bytes(const ModelDirectory& base, const std::vector<LayerOrigin>& layers);

/// Writes a complete model directory into `directory`, which is there: the base with what a
/// decoder's adaptation (LoRA, trained weights, added layers) has made of it at the strength that
/// is set, in the base's names and dtypes; and README.md (`card`). Tensors that did not train keep
/// their bytes. `layers`: where the decoder's layers come from. `strength`: the one that is set,
/// for expandft.json.
void write_tuned(const fs::path& directory, const ModelDirectory& base, const Decoder& decoder,
                 const std::vector<LayerOrigin>& layers, const Strength& strength,
                 const std::string& card);

/// Reads a model that write_tuned wrote with these arguments and compares its logits with the
/// decoder's. Throws a failure where they differ visibly, unless rounding is all that makes them:
/// the weights before they were rounded have the decoder's logits, within the rounding of what it
/// computes in, and the weights rounded in memory have the files'. `expected` says so, and how much
/// rounding usually makes.
LogitDifference check_tuned(const fs::path& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers);

}  // namespace expandft
