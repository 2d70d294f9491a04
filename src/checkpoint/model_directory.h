#pragma once

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expandft {

/// A Hugging Face model directory: config.json, and model.safetensors or shards with an index.
class ModelDirectory {
 public:
  /// Input errors for: no directory, no config.json, a link that leads out of the directory, and as
  /// open_weights.
  static ModelDirectory open(const fs::path& directory);

  /// A model whose parts come from elsewhere. `path`: what messages name.
  static ModelDirectory of_parts(fs::path path, Json config,
                                 std::map<std::string, TensorView> tensors);

  const fs::path& path() const { return path_; }
  const Json& config() const { return config_; }
  /// By name, in alphabetical order.
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  /// A tensor by name, or an input error that names it, the directory and the nearest known name.
  const TensorView& tensor(const std::string& name) const;
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Whether two existing tensors have the same dtype, shape and bytes. The result is cached.
  bool has_equal(const std::string& one, const std::string& other) const;
  std::uint64_t weight_bytes() const;
  /// Drops the weights' pages from the process's memory: see MappedFile::release.
  void release() const;

  /// Identifies the base of an adapter: XXH3-128, in hex, of config.json (parsed and written again
  /// with sorted keys) and of every tensor's name, dtype, shape and bytes. Does not depend on
  /// sharding. Reads all weights; the result is cached.
  std::string fingerprint() const;

  /// The directory's files for the tokenizer, the chat templates, generation and preprocessing
  /// (tokenizer.json, additional_chat_templates/tool_use.jinja, …), by their paths in it.
  std::vector<fs::path> companion_files() const;

 private:
  fs::path path_;
  Json config_;
  std::map<std::string, TensorView> tensors_;
  mutable std::string fingerprint_;                                    // empty until computed
  mutable std::map<std::pair<std::string, std::string>, bool> equal_;  // cached results
};

/// Writes a file of a model, by its path in the model's directory, which is there. A folder in it
/// is created.
void write_companion(const fs::path& directory, const fs::path& file, std::string_view bytes);

/// Writes a model into an existing directory: the tensors (model.safetensors, or shards of at most
/// 5 GB with an index), `config` as config.json, and copies of the companion files of `original`.
void write_model_files(const fs::path& directory, const std::vector<TensorSource>& tensors,
                       const std::string& config, const ModelDirectory& original);

}  // namespace expandft
