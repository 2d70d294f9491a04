#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace expandft {

/// model.safetensors.index.json, checked: the tensors that each shard must hold, by shard.
/// Shards are plain file names: an index cannot lead out of its directory.
using ModelIndex = std::map<std::string, std::set<std::string>>;

/// Throws an input error naming `where` and the JSON path at fault.
ModelIndex parse_model_index(std::string_view text, const std::string& where);

}  // namespace expandft
