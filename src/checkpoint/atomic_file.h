#pragma once

#include "base/files.h"
#include "base/made_folders.h"
#include "base/partial_path.h"

#include <mutex>
#include <optional>

namespace expandft {

/// A large file that appears whole or not at all: it is written to path(), beside the target;
/// commit() syncs it and renames it into place, over what is there. Without commit() the destructor
/// removes what was written; discard() does so at once. The caller checks the target.
class AtomicFile {
 public:
  /// Removes what dead processes left beside the target, and creates missing parents, which
  /// disappear again without commit().
  explicit AtomicFile(fs::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const fs::path& path() const { return place_->path(); }
  const fs::path& target() const { return target_; }
  void commit();
  /// Removes what was written. Returns false, and removes nothing, when the file has already
  /// appeared. May be called by another thread.
  bool discard();

 private:
  fs::path target_;
  std::optional<MadeFolders> made_parents_;
  std::optional<PartialPath> place_;
  std::mutex appearing_;
  bool committed_ = false;  // guarded by appearing_
};

}  // namespace expandft
