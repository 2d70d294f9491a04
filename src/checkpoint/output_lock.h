#pragma once

#include "base/file_lock.h"
#include "base/files.h"
#include "base/made_folders.h"

#include <optional>
#include <string>

namespace expandft {

/// Keeps other expandft processes from writing an output directory while this object lives. The
/// kernel locks a file beside the directory, ".NAME.lock", so a process that died holds no lock:
/// its file is taken over.
class OutputLock {
 public:
  /// Input error that names the holder when another process has the lock. Creates missing parents,
  /// which are removed with the lock if they are still empty. Where no file can be written, locks
  /// nothing: writing the output reports the error.
  explicit OutputLock(const fs::path& target);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

  /// The process that died holding the lock: "process 42 on node-a, since 2026-01-31 12:00:00 UTC".
  const std::optional<std::string>& dead_holder() const { return dead_holder_; }

 private:
  std::optional<MadeFolders> parents_;
  std::optional<FileLock> lock_;  // not taken where locks are not supported
  std::optional<std::string> dead_holder_;
};

/// Who holds the lock of an output directory: "process 42 on node-a, since …", or as much as is
/// known. None if nobody does or locks are not supported. Changes nothing.
std::optional<std::string> lock_holder(const fs::path& target);

/// The lock file of an output directory; a link at its end is followed.
fs::path lock_file(const fs::path& target);

}  // namespace expandft
