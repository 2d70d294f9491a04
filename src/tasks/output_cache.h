#pragma once

#include "base/files.h"
#include "base/json.h"
#include "tasks/prepared_task.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A file of a model's outputs for a task, written batch by batch. Nothing is computed twice, and
/// an interrupted evaluation resumes where it stopped.
class OutputCache {
 public:
  /// Opens or creates `<folder>/<task>-<key>.jsonl`. `model` identifies the model: everything that
  /// outputs depend on except the task. Entries that are damaged or have another key are ignored.
  /// Failure if the folder cannot be created or the file cannot be opened.
  OutputCache(const fs::path& folder, const PreparedTask& task, const Json& model);
  ~OutputCache();
  OutputCache(const OutputCache&) = delete;
  OutputCache& operator=(const OutputCache&) = delete;

  /// The outputs of a batch; null if they are not cached.
  const BatchOutputs* find(std::size_t batch) const;
  /// Whether all batches are cached.
  bool is_complete() const { return found_.size() == batches_; }
  /// Caches a batch's outputs. Failure if they cannot be written; earlier ones stay.
  void add(std::size_t batch, const BatchOutputs& outputs);

 private:
  void read(const std::vector<std::vector<std::size_t>>& batches);
  void keep(const Json& line, const std::vector<std::vector<std::size_t>>& batches);
  void append(const Json& line);

  fs::path file_;
  Json key_;
  int descriptor_ = -1;
  std::size_t batches_ = 0;
  std::map<std::size_t, BatchOutputs> found_;
};

/// A file of the divergences of two models on some tasks. With it, neither model is needed again.
class DivergenceCache {
 public:
  /// `key`: everything that they depend on. The folder is that of OutputCache.
  DivergenceCache(const fs::path& folder, Json key);

  /// None if the divergences of `tasks` tasks are not cached, are damaged or have another key.
  std::optional<std::vector<double>> find(std::size_t tasks) const;
  /// Failure if they cannot be written.
  void put(const std::vector<double>& divergences) const;

 private:
  fs::path file_;
  Json key_;
};

/// The folder evaluation/ of the caches (base/cache_folder.h).
std::optional<fs::path> default_cache_folder();

}  // namespace expandft
