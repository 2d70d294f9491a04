#pragma once

#include "base/file_lock.h"
#include "base/files.h"
#include "base/made_folders.h"

#include <optional>
#include <string>

namespace expandft {

/// Keeps other processes of ours from writing an output directory while this lives. A file beside
/// the directory, ".NAME.lock", is locked by the kernel, so that a process that died holds nothing:
/// its file is taken over.
class OutputLock {
 public:
  /// Input error that names the holder, when another process has the lock. Missing parents are
  /// made; they go again with the lock if nothing came into them. Where no file can be written
  /// nothing is locked: who writes there will say so.
  explicit OutputLock(const fs::path& target);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

  /// Who had the lock and died with it: "process 42 on node-a, since 2026-01-31 12:00:00 UTC".
  const std::optional<std::string>& dead_holder() const { return dead_holder_; }

 private:
  std::optional<MadeFolders> parents_;
  std::optional<FileLock> lock_;  // not taken where nothing can be locked
  std::optional<std::string> dead_holder_;
};

/// Who holds the lock of an output directory: "process 42 on node-a, since …", or as much as is
/// known. Nothing when nobody does, or where locks cannot be told. Changes nothing.
std::optional<std::string> lock_holder(const fs::path& target);

/// The lock file of an output directory, which a link may name.
fs::path lock_file(const fs::path& target);

}  // namespace expandft
