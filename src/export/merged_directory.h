#pragma once

#include "checkpoint/atomic_directory.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "export/fold.h"

#include <cstdint>
#include <string>

namespace expandft {

/// About how many bytes write_merged will write.
std::uint64_t merged_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding);

/// How a merged model was made.
MergedInfo merged_info(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding);

/// Writes a complete merged model into `directory`, which must exist: config.json, weights, the
/// base's tokenizer and generation files, README.md (`card`), expandft.json and, where needed,
/// modeling_expandft.py (layout "remote-code") and expandft_unmerge.safetensors
/// (write_unmerge_remainder).
void write_merged(const fs::path& directory, const ModelDirectory& base, const DecoderSpec& spec,
                  const Folding& folding, const NamedTensors& copies, const std::string& card);

}  // namespace expandft
