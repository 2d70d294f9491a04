#pragma once

#include "base/file_lock.h"
#include "base/files.h"

#include <optional>
#include <vector>

namespace expandft {

/// A hidden place beside `target`, ".<name>.partial-<process id>-<number>", where this process
/// prepares it. While this lives, the kernel holds a lock on the file "<place>.lock": so others
/// know that the place is in use, also from another container or a host that shares the disk and
/// its locks, and a process that ended, however it did, holds nothing. Where no lock file can be
/// made the place goes without.
class PartialPath {
 public:
  explicit PartialPath(const fs::path& target);
  ~PartialPath() { release(); }
  PartialPath(const PartialPath&) = delete;
  PartialPath& operator=(const PartialPath&) = delete;

  const fs::path& path() const { return path_; }
  /// Gives the lock back, and removes its file if nothing lies at the place any more: by the file
  /// the next command knows that what does is left over.
  void release();

 private:
  fs::path path_;
  std::optional<FileLock> lock_;  // until it is given back
};

/// Removes what ended processes have left at partial paths of `target`: those whose lock nobody
/// holds. An old target that was renamed aside ("<partial path>.old") is put back when no new one
/// took its place. Returns the places of which it cannot be told, as they have no lock file, or one
/// that cannot be locked: they stay.
std::vector<fs::path> remove_dead_partials(const fs::path& target);

}  // namespace expandft
