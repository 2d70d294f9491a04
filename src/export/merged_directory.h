#pragma once

#include "checkpoint/atomic_directory.h"
#include "checkpoint/model_directory.h"
#include "export/fold.h"

#include <optional>
#include <string>

namespace expandft {

/// Shards are cut past this size, as published checkpoints do.
inline constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;

/// expandft.json of a merged model: what was folded into what, and whether it can be taken out.
struct MergedInfo {
  std::string base_model, base_fingerprint, base_config;  // base_config: config.json's own bytes
  std::vector<std::int64_t> layers;
  std::int64_t copies = 2, intermediate_size = 0;  // of the base
  Strength strength;
  Layout layout = Layout::kNative;
  Method method = Method::kNew;  // one that widens MLPs
  /// Whether unmerge gives the base back bit for bit: the base's share of down is a power of two.
  bool reversible = true;
};

/// Input error when the directory holds no model that expandft merged.
MergedInfo read_merged_info(const fs::path& directory);

/// About how many bytes write_merged will write.
std::uint64_t merged_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding);

/// How many bytes of a merged model's tensors are zeros that fill narrower layers up. Throws
/// as read_merged_info.
std::uint64_t padding_bytes(const ModelDirectory& merged);

/// Writes a complete model directory into `directory`, which is there: config.json, weights
/// (sharded past kMaxShardBytes), the base's tokenizer and generation files, README.md (`card`),
/// expandft.json, in the layout "remote-code" modeling_expandft.py, and, when some numbers of the
/// base do not survive the division by k (underflow), expandft_unmerge.safetensors with those.
void write_merged(const fs::path& directory, const ModelDirectory& base, const DecoderSpec& spec,
                  const Folding& folding, const NamedTensors& copies, const std::string& card);

/// Takes the base back out of a merged model, into `directory`, and makes sure by its fingerprint
/// that every byte of every tensor is the base's. Input error when the merge is not reversible, or
/// when expandft.json or expandft_unmerge.safetensors do not fit the tensors;
/// failure when the bytes differ.
void write_unmerged(const fs::path& directory, const ModelDirectory& merged);
std::uint64_t unmerged_bytes(const ModelDirectory& merged);

}  // namespace expandft
