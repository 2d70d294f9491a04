#include "checkpoint/weight_files.h"

#include "base/error.h"
#include "base/json.h"
#include "config/hub_cache.h"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <vector>

namespace expandft {
namespace {

constexpr const char* kDownloadTheIndex =
    "the index is damaged: download model.safetensors.index.json again";

bool is_plain_file_name(const std::string& name) {
  constexpr std::string_view kSuffix = ".safetensors";
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

[[noreturn]] void throw_no_weights(const fs::path& directory) {
  std::string pickle, other;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const std::string extension = fs::path(name).extension().string();
    const bool is_pickle = extension == ".bin" || extension == ".pt" || extension == ".pth" ||
                           extension == ".ckpt" || name == "pytorch_model.bin.index.json";
    if (is_pickle && pickle.empty()) pickle = name;
    if ((extension == ".safetensors" || extension == ".gguf") && other.empty()) other = name;
  }
  const std::string expected =
      "expected model.safetensors, or model.safetensors.index.json with its shards";
  if (!other.empty())
    throw input_error("found " + other + ", " + expected, directory.string(),
                      download_hint(directory));
  if (!pickle.empty()) {
    throw input_error(
        "found pickle weights only (" + pickle + "), " + expected, directory.string(),
        "pickle files can run code and are never opened: download the safetensors version, "
        "or convert the model with save_pretrained(..., safe_serialization=True)");
  }
  throw input_error("no weights, " + expected, directory.string(), download_hint(directory));
}

SafetensorsFile open_shard(const fs::path& directory, const std::string& name,
                           const std::string& index) {
  const fs::path file = directory / name;
  if (!has_name(file)) {
    throw input_error("the shard " + name + " is missing, but the index names it", index,
                      download_hint(directory));
  }
  // Caches link to their blobs; what counts is that a regular file is at the end.
  if (!is_file(file)) {
    throw input_error("found a directory, a device or a link that leads nowhere, expected a file",
                      file.string(), download_hint(directory));
  }
  return SafetensorsFile::open(file);
}

std::map<std::string, TensorView> open_shards(const fs::path& directory,
                                              const fs::path& index_file) {
  const ModelIndex index = parse_model_index(read_file(index_file), index_file.string());
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> shard_of;
  for (const auto& [shard, names] : index) {
    const SafetensorsFile file = open_shard(directory, shard, index_file.string());
    for (const std::string& name : names) {
      if (!file.tensors().contains(name)) {
        throw input_error("the index says that this shard holds the tensor " + Json(name).dump() +
                              ", but it does not",
                          (directory / shard).string(), download_hint(directory));
      }
    }
    for (const auto& [name, view] : file.tensors()) {
      if (!tensors.emplace(name, view).second) {
        throw input_error("the tensor " + Json(name).dump() + " is in " + shard_of[name] +
                              " and in " + shard + ", expected it once",
                          index_file.string(), download_hint(directory));
      }
      shard_of[name] = shard;
    }
  }
  for (const auto& [name, shard] : shard_of) {
    if (!index.at(shard).contains(name)) {
      throw input_error(
          "the tensor " + Json(name).dump() + " is in " + shard + ", but the index does not say so",
          index_file.string(), download_hint(directory));
    }
  }
  return tensors;
}

}  // namespace

bool has_name(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

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

std::map<std::string, TensorView> open_weights(const fs::path& directory) {
  // The order in which transformers looks for them.
  const fs::path single = directory / "model.safetensors";
  if (has_name(single)) return SafetensorsFile::open(single).tensors();
  const fs::path index = directory / "model.safetensors.index.json";
  if (has_name(index)) return open_shards(directory, index);
  throw_no_weights(directory);
}

}  // namespace expandft
