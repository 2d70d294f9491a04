#pragma once

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// A Hugging Face model directory: config.json, and model.safetensors or shards with an index.
class ModelDirectory {
 public:
  /// Throws input errors for: no directory, no config.json, no weights, pickle weights only, an
  /// index that names missing files, paths outside the directory, or tensors that are not there
  /// or stand twice.
  static ModelDirectory open(const fs::path& directory);

  const fs::path& path() const { return path_; }
  const Json& config() const { return config_; }
  /// In a stable order (by name).
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  /// The tensor, or an input error that names it, the directory and the nearest name that is there.
  const TensorView& tensor(const std::string& name) const;
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Whether two tensors that are there have the same dtype, shape and bytes. Both are read the
  /// first time, and what came out is kept.
  bool has_equal(const std::string& one, const std::string& other) const;
  std::uint64_t weight_bytes() const;
  /// What was read of the weights leaves the process's memory: see MappedFile::release.
  void release() const;

  /// Identifies the base of an adapter: XXH3-128 over config.json (parsed, re-serialised with
  /// sorted keys) and every tensor's name, dtype, shape and bytes. Hex. Independent of sharding.
  /// All weights are read the first time, and what came out is kept.
  std::string fingerprint() const;

  /// Files that belong to the tokenizer or generation (tokenizer.model, tokenizer.json,
  /// tokenizer_config.json, special_tokens_map.json, added_tokens.json, vocab.json, merges.txt,
  /// chat_template.jinja, chat_template.json, generation_config.json, preprocessor_config.json,
  /// processor_config.json), those that are there.
  std::vector<fs::path> companion_files() const;
  /// Copies them into a directory that is there.
  void copy_companions(const fs::path& to) const;

 private:
  fs::path path_;
  Json config_;
  std::map<std::string, TensorView> tensors_;
  mutable std::string fingerprint_;                                    // once it was asked for
  mutable std::map<std::pair<std::string, std::string>, bool> equal_;  // what was asked for
};

}  // namespace expandft
