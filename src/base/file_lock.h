#pragma once

#include "base/files.h"

namespace expandft {

/// The kernel's lock (flock) on a file. It ends with the process, however that ends. Other
/// containers see it, and so do other hosts if the file is on a shared disk with locks.
class FileLock {
 public:
  enum class State {
    kTaken,       // by this object
    kHeld,        // by another holder
    kImpossible,  // no such file, no write permission, or a file system without locks
  };
  enum class Missing { kCreate, kLeave };  // what to do when there is no such file

  /// Tries to take the lock, without waiting.
  FileLock(fs::path file, Missing missing);
  /// Releases the lock; the file stays.
  ~FileLock() { close(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  State state() const { return state_; }
  /// Of the open file; -1 when the state is kImpossible.
  int descriptor() const { return descriptor_; }
  /// Removes the file and releases its lock, if taken.
  void remove();

 private:
  void close();

  fs::path file_;
  State state_ = State::kImpossible;
  int descriptor_ = -1;
};

}  // namespace expandft
