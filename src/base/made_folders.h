#pragma once

#include "base/files.h"

#include <vector>

namespace expandft {

/// Creates a folder and its missing parents for something that will be written there. The
/// destructor removes those that are still empty.
class MadeFolders {
 public:
  /// A failure when one cannot be created; those created before it are removed.
  explicit MadeFolders(const fs::path& folder);
  ~MadeFolders();
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

 private:
  void make(const fs::path& folder);
  void remove_empty();

  std::vector<fs::path> made_;  // outermost first
};

}  // namespace expandft
