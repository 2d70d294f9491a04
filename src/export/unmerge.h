#pragma once

#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "export/fold.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// The file of a merged model's directory that holds unmerge_remainder.
inline constexpr const char* kUnmergeRemainderFile = "expandft_unmerge.safetensors";

/// Restores the base of a merged model into `directory`, which must exist, and checks by the
/// fingerprint that every byte of every tensor is the base's. Input error when the merge is not
/// reversible, or when expandft.json or expandft_unmerge.safetensors do not match the tensors;
/// failure when the bytes differ.
void write_unmerged(const fs::path& directory, const ModelDirectory& merged);
std::uint64_t unmerged_bytes(const ModelDirectory& merged);

/// What unmerge needs beside a merged model's tensors, as tensors of their own. Their names begin
/// with that of the down projection. .index and .value: the flat places and values of the numbers
/// of the base's down that underflow when multiplied by its share, and so could not be restored,
/// which is almost never the case. .neurons: the neurons of a narrow layer whose columns have the
/// share.
std::vector<TensorSource> unmerge_remainder(const ModelDirectory& base, const TensorNames& names,
                                            const Folding& folding);
/// The neurons alone.
std::vector<TensorSource> unmerge_neurons(const TensorNames& names, const Folding& folding);

/// Writes unmerge_remainder to expandft_unmerge.safetensors in a merged model's directory; no file
/// where there is nothing to write.
void write_unmerge_remainder(const fs::path& directory, const ModelDirectory& base,
                             const TensorNames& names, const Folding& folding);

/// Bytes of a merged model's tensors that are zeros which pad narrower layers. Errors as
/// read_merged_info.
std::uint64_t padding_bytes(const ModelDirectory& merged);

}  // namespace expandft
