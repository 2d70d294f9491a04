#pragma once

#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "checkpoint/neuron_indices.h"
#include "export/fold.h"

#include <cstdint>

namespace expandft {

/// The file of a merged model's directory that says which neurons were copied (write_neurons_file).
/// It does not end in ".safetensors": some programs take every such file of a folder for weights.
inline constexpr const char* kMergedNeuronsFile = "expandft.neurons";

/// Restores the base of a merged model into `directory`, which must exist, and checks by the
/// fingerprint that every byte of every tensor is the base's. Input error when the merge is not
/// reversible, or when expandft.json, expandft.neurons or expandft_unmerge.safetensors do not match
/// the tensors;
/// failure when the bytes differ.
void write_unmerged(const fs::path& directory, const ModelDirectory& merged);
std::uint64_t unmerged_bytes(const ModelDirectory& merged);

/// The neurons whose columns of down have the share of a narrow merge, by layer; none where unmerge
/// need not know them.
LayerNeurons shared_neurons(const ExpansionPlan& plan);

/// Writes what unmerge needs beside a merged model's tensors into its directory. expandft.neurons:
/// shared_neurons. expandft_unmerge.safetensors: the indices and values of the numbers of the
/// base's down that underflow when multiplied by its share, and so could not be restored. Writes no
/// file where there is nothing to say, as is almost always the case with the second.
void write_unmerge_remainder(const fs::path& directory, const ModelDirectory& base,
                             const TensorNames& names, const Folding& folding);

/// Bytes of a merged model's tensors that are zeros which pad narrower layers. Errors as
/// read_merged_info.
std::uint64_t padding_bytes(const ModelDirectory& merged);

}  // namespace expandft
