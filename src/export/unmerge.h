#pragma once

#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "export/fold.h"

#include <cstdint>

namespace expandft {

/// Restores the base of a merged model into `directory`, which must exist, and checks by the
/// fingerprint that every byte of every tensor is the base's. Input error when the merge is not
/// reversible, or when expandft.json or expandft_unmerge.safetensors do not match the tensors;
/// failure when the bytes differ.
void write_unmerged(const fs::path& directory, const ModelDirectory& merged);
std::uint64_t unmerged_bytes(const ModelDirectory& merged);

/// Writes expandft_unmerge.safetensors into a merged model's directory: the indices and values of
/// the numbers of the base's down that underflow when multiplied by its share, and so could not be
/// restored. Writes no file when there are none, as is almost always the case.
void write_unmerge_remainder(const fs::path& directory, const ModelDirectory& base,
                             const TensorNames& names, const Folding& folding);

/// Bytes of a merged model's tensors that are zeros which pad narrower layers. Errors as
/// read_merged_info.
std::uint64_t padding_bytes(const ModelDirectory& merged);

}  // namespace expandft
