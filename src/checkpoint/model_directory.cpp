#include "checkpoint/model_directory.h"

#include "base/error.h"
#include "base/wording.h"
#include "checkpoint/links.h"
#include "checkpoint/model_index.h"
#include "config/hub_cache.h"

#include <algorithm>
#include <array>
#include <system_error>

namespace expandft {
namespace {

/// Whether the name is taken, be it by a link that leads nowhere.
bool is_named(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void check_directory(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found) {
    const auto hub = HubName::parse(directory.string());
    throw input_error("no such directory, expected a model directory", directory.string(),
                      hub ? "check the path; or, if it is a model of the hub, download it: " +
                                hub->download_command()
                          : "check the path");
  }
  if (status.type() == fs::file_type::none) {
    throw input_error("cannot look at the directory: " + error.message(), directory.string());
  }
  if (!fs::is_directory(status)) {
    throw input_error("found a file, expected a model directory", directory.string(),
                      "give the directory that holds config.json and the weights");
  }
  fs::directory_iterator probe(directory, error);
  if (error) throw input_error("cannot read the directory: " + error.message(), directory.string());
}

Json read_config(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  if (!is_named(file)) {
    const bool is_adapter = is_file(directory / "adapter_config.json");
    throw input_error("no config.json, expected a Hugging Face model directory", directory.string(),
                      is_adapter
                          ? "this is an adapter: give its base as the model, and it with --adapter"
                          : "check the path; if it is right, " + download_hint(directory));
  }
  Json config = read_json(file);
  if (!config.is_object()) {
    throw input_error(
        std::string("found JSON of type ") + config.type_name() + ", expected an object",
        file.string(), "download config.json again");
  }
  return config;
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
  if (!is_named(file)) {
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

ModelDirectory ModelDirectory::open(const fs::path& directory) {
  check_directory(directory);
  check_links(directory);
  ModelDirectory model;
  model.path_ = directory;
  model.config_ = read_config(directory);
  // Transformers' order of preference.
  const fs::path single = directory / "model.safetensors";
  const fs::path index = directory / "model.safetensors.index.json";
  if (is_named(single)) {
    model.tensors_ = SafetensorsFile::open(single).tensors();
  } else if (is_named(index)) {
    model.tensors_ = open_shards(directory, index);
  } else {
    throw_no_weights(directory);
  }
  return model;
}

const TensorView& ModelDirectory::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [candidate, view] : tensors_) names.push_back(candidate);
  const std::string near = nearest(name, names);
  throw input_error("no tensor named \"" + name + "\"", path_.string(),
                    near.empty() ? "check that config.json and the weights belong together"
                                 : "the nearest name there is \"" + near + "\"");
}

std::uint64_t ModelDirectory::weight_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, view] : tensors_) bytes += view.bytes.size();
  return bytes;
}

bool ModelDirectory::has_equal(const std::string& one, const std::string& other) const {
  const auto [place, is_new] = equal_.try_emplace({one, other}, false);
  if (is_new) {
    const TensorView &a = tensor(one), &b = tensor(other);
    place->second =
        a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
    a.release();
    b.release();
  }
  return place->second;
}

void ModelDirectory::release() const {
  for (const auto& [name, view] : tensors_) view.release();
}

std::vector<fs::path> ModelDirectory::companion_files() const {
  constexpr std::array kNames{"tokenizer.model",
                              "tokenizer.json",
                              "tokenizer_config.json",
                              "special_tokens_map.json",
                              "added_tokens.json",
                              "vocab.json",
                              "merges.txt",
                              "chat_template.jinja",
                              "chat_template.json",
                              "generation_config.json",
                              "preprocessor_config.json",
                              "processor_config.json"};
  std::vector<fs::path> files;
  for (const char* const name : kNames) {
    if (is_file(path_ / name)) files.push_back(path_ / name);
  }
  return files;
}

void ModelDirectory::copy_companions(const fs::path& to) const {
  for (const fs::path& file : companion_files()) {
    write_file_atomically(to / file.filename(), read_file(file));
  }
}

}  // namespace expandft
