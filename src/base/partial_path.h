#pragma once

#include "base/file_lock.h"
#include "base/files.h"

#include <optional>
#include <vector>

namespace expandft {

/// A hidden path beside `target`, ".<name>.partial-<process id>-<number>", where this process
/// prepares it. While the object lives it holds a FileLock on "<path>.lock", which tells other
/// processes that the path is in use. Where no lock file can be created the path has no lock.
class PartialPath {
 public:
  explicit PartialPath(const fs::path& target);
  ~PartialPath() { release(); }
  PartialPath(const PartialPath&) = delete;
  PartialPath& operator=(const PartialPath&) = delete;

  const fs::path& path() const { return path_; }
  /// Releases the lock, and removes its file unless something is still at the path: by the free
  /// lock file the next command recognizes what is there as left over.
  void release();

 private:
  fs::path path_;
  std::optional<FileLock> lock_;  // until it is released
};

/// Removes what ended processes have left at partial paths of `target`: those whose lock nobody
/// holds. An old target that was renamed aside ("<partial path>.old") is restored unless a new one
/// has taken its place. Paths with no lock file, or one that cannot be locked, may be in use: they
/// stay, and are returned.
std::vector<fs::path> remove_dead_partials(const fs::path& target);

}  // namespace expandft
