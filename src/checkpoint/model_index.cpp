#include "checkpoint/model_index.h"

#include "base/error.h"
#include "base/json.h"

#include <cstddef>

namespace expandft {
namespace {

constexpr const char* kDownloadTheIndex =
    "the index is damaged: download model.safetensors.index.json again";

bool is_plain_file_name(const std::string& name) {
  constexpr std::string_view kSuffix = ".safetensors";
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

}  // namespace

ModelIndex parse_model_index(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  if (!json.is_object()) {
    throw input_error("found " + json_excerpt(json) + ", expected an object with \"weight_map\"",
                      where, kDownloadTheIndex);
  }
  if (const auto metadata = json.find("metadata");
      metadata != json.end() && !metadata->is_object()) {
    throw input_error("found " + json_excerpt(*metadata) + ", expected an object",
                      where + ": metadata", kDownloadTheIndex);
  }
  const auto weight_map = json.find("weight_map");
  if (weight_map == json.end())
    throw input_error("no \"weight_map\" in the index", where, kDownloadTheIndex);
  if (!weight_map->is_object() || weight_map->empty()) {
    throw input_error(
        "found " + json_excerpt(*weight_map) + ", expected an object of tensor and file names",
        where + ": weight_map", kDownloadTheIndex);
  }
  ModelIndex index;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      throw input_error(
          "found " + json_excerpt(shard) +
              ", expected the plain name of a .safetensors file in the same directory",
          where + ": weight_map[" + json_excerpt(tensor) + "]", kDownloadTheIndex);
    }
    index[shard.get_ref<const std::string&>()].insert(tensor);
  }
  return index;
}

}  // namespace expandft
