#pragma once

#include "base/files.h"
#include "base/made_folders.h"
#include "base/partial_path.h"
#include "checkpoint/output_kind.h"
#include "checkpoint/output_target.h"

#include <cstdint>
#include <mutex>
#include <optional>

namespace expandft {

/// A directory that appears whole or not at all. Files are written into path(), beside the target;
/// commit() fsyncs every file and folder and renames it into place. Without commit() the destructor
/// removes what was written; discard() does so at once.
class AtomicDirectory {
 public:
  using Existing = expandft::Existing;

  /// Checks the target as check_target does, removes what dead processes left beside it, and
  /// creates missing parents, which disappear again without commit(). Where the file system cannot
  /// tell whether a process is dead, its leftovers stay, with a warning.
  AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing, OutputKind kind);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const fs::path& path() const { return place_->path(); }
  const fs::path& target() const { return target_; }
  /// Writes the marker and makes the directory appear, atomically where the file system can.
  void commit();
  /// Removes what was written; writing into path() fails from now on. Returns false, and removes
  /// nothing, when the directory has already appeared. May be called by another thread.
  bool discard();

 private:
  void clear_place();

  fs::path target_;
  std::optional<MadeFolders> made_parents_;
  std::optional<PartialPath> place_;  // path()
  Existing existing_;
  OutputKind kind_;
  std::mutex appearing_;
  bool committed_ = false;  // guarded by appearing_
};

}  // namespace expandft
