#pragma once

#include "base/files.h"
#include "base/json.h"
#include "tasks/task_work.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace expandft {

/// What a model made of a task, kept in a file batch by batch as it comes, so that nothing is
/// computed twice and an evaluation that was cut off goes on where it was.
class OutputCache {
 public:
  /// Opens `<folder>/<task>-<key>.jsonl`, or creates it. `model` tells models apart: all that
  /// outputs depend on but the work itself. What is damaged or of another key counts as not there.
  /// Failure when the folder cannot be made or the file not be opened.
  OutputCache(const fs::path& folder, const TaskWork& work, const Json& model);
  ~OutputCache();
  OutputCache(const OutputCache&) = delete;
  OutputCache& operator=(const OutputCache&) = delete;

  /// The outputs of a batch; null when they are not there.
  const BatchOutputs* find(std::size_t batch) const;
  /// Whether all batches are there.
  bool is_complete() const { return found_.size() == batches_; }
  /// Keeps a batch's outputs. Failure when they cannot be written: what was kept stays.
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

/// $EXPANDFT_CACHE, else $XDG_CACHE_HOME/expandft, else ~/.cache/expandft; with /evaluation behind
/// it. None without any of these.
std::optional<fs::path> default_cache_folder();

}  // namespace expandft
