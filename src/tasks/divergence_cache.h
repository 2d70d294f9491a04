#pragma once

#include "base/files.h"
#include "base/json.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace expandft {

/// Divergences of two models on some tasks, kept in a file so that neither model is needed again.
class DivergenceCache {
 public:
  /// `key`: all that they depend on, both models and the tasks' work. The folder is the outputs'.
  DivergenceCache(const fs::path& folder, Json key);

  /// None when they are not there, of so many tasks: damage and another key count as not there.
  std::optional<std::vector<double>> find(std::size_t tasks) const;
  /// Failure when they cannot be written.
  void put(const std::vector<double>& divergences) const;

 private:
  fs::path file_;
  Json key_;
};

}  // namespace expandft
