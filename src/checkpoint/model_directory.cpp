#include "checkpoint/model_directory.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/wording.h"
#include "chat/chat_template.h"
#include "checkpoint/links.h"
#include "checkpoint/weight_files.h"
#include "config/hub_cache.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <system_error>

#include <nlohmann/json.hpp>

namespace expandft {
namespace {

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
    if (directory.extension() == ".gguf") {
      throw input_error(
          "found a GGUF file, expected a model directory", directory.string(),
          "import it first: expandft import " + directory.string() + " --output DIR, and give DIR");
    }
    throw input_error("found a file, expected a model directory", directory.string(),
                      "give the directory that holds config.json and the weights");
  }
  fs::directory_iterator probe(directory, error);
  if (error) throw input_error("cannot read the directory: " + error.message(), directory.string());
}

Json read_config(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  if (!has_name(file)) {
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

/// The files of further chat templates, in the order of their names.
std::vector<fs::path> template_files(const fs::path& directory) {
  const fs::path folder = directory / kChatTemplateFolder;
  if (!is_folder(folder)) return {};
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.extension() != ".jinja" || !is_file(path)) continue;
    files.push_back(kChatTemplateFolder / path.filename());
  }
  if (error) throw input_error("cannot read the directory: " + error.message(), folder.string());
  std::ranges::sort(files);
  return files;
}

}  // namespace

ModelDirectory ModelDirectory::open(const fs::path& directory) {
  check_directory(directory);
  check_links(directory);
  ModelDirectory model;
  model.path_ = directory;
  model.config_ = read_config(directory);
  model.tensors_ = open_weights(directory);
  return model;
}

ModelDirectory ModelDirectory::of_parts(fs::path path, Json config,
                                        std::map<std::string, TensorView> tensors) {
  ModelDirectory model;
  model.path_ = std::move(path);
  model.config_ = std::move(config);
  model.tensors_ = std::move(tensors);
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

std::string ModelDirectory::fingerprint() const {
  if (!fingerprint_.empty()) return fingerprint_;
  Hash hash;
  hash.add(nlohmann::json(config_).dump());  // nlohmann::json sorts its keys
  for (const auto& [name, view] : tensors_) {
    hash.add(name);
    hash.add(safetensors_name(view.dtype));
    hash.add(std::uint64_t{view.shape.size()});
    for (const std::int64_t size : view.shape) hash.add(static_cast<std::uint64_t>(size));
    hash.add(view.bytes);
    view.release();
  }
  return fingerprint_ = hash.digits();
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
    if (is_file(path_ / name)) files.emplace_back(name);
  }
  std::ranges::move(template_files(path_), std::back_inserter(files));
  return files;
}

void write_companion(const fs::path& directory, const fs::path& file, std::string_view bytes) {
  const fs::path place = directory / file;
  if (file.has_parent_path()) {
    // Not the directory itself, which may have been discarded.
    std::error_code error;
    fs::create_directory(parent_of(place), error);
    if (error) {
      throw failure("cannot create the folder: " + error.message(), parent_of(place).string());
    }
  }
  write_file_atomically(place, bytes);
}

void write_model_files(const fs::path& directory, const std::vector<TensorSource>& tensors,
                       const std::string& config, const ModelDirectory& original) {
  constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;  // as published checkpoints are sharded
  write_sharded_safetensors(directory, tensors, kMaxShardBytes);
  for (const fs::path& file : original.companion_files()) {
    write_companion(directory, file, read_file(original.path() / file));
  }
  write_file_atomically(directory / "config.json", config);
}

}  // namespace expandft
