#pragma once

#include "base/files.h"

#include <vector>

namespace expandft {

/// A folder, and the missing ones that it lies in, made for something that is to come there. In the
/// end those that are still empty go again.
class MadeFolders {
 public:
  /// Failure when one cannot be made; those before it go again.
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
