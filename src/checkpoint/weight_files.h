#pragma once

#include "base/files.h"
#include "checkpoint/safetensors.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace expandft {

/// The tensors that each shard must hold, by the shard's file name.
using ModelIndex = std::map<std::string, std::set<std::string>>;

/// Parses and checks model.safetensors.index.json. Shards must be plain file names, so an index
/// cannot lead out of its directory. Input errors name `where` and the JSON path.
ModelIndex parse_model_index(std::string_view text, const std::string& where);

/// Whether a directory entry of this name exists, even as a link that leads nowhere.
bool has_name(const fs::path& path);

/// Opens the weights of a model directory: model.safetensors, or the shards that an index names.
/// Input errors for no weights, pickle files only, missing shards, and tensors that are missing,
/// duplicate or not in the index.
std::map<std::string, TensorView> open_weights(const fs::path& directory);

}  // namespace expandft
