#pragma once

#include "base/files.h"

namespace expandft {

/// The kernel's lock (flock) on a file, which goes with the process however it ends, and is known
/// to other containers and, on a shared disk that has locks, to other hosts.
class FileLock {
 public:
  enum class State {
    kTaken,       // by this object
    kHeld,        // by another
    kImpossible,  // no such file, none that can be written, or a file system without locks
  };
  enum class Missing { kCreate, kLeave };  // what is done about a file that is not there

  /// Tries to take it, without waiting.
  FileLock(fs::path file, Missing missing);
  /// Gives it back; the file stays.
  ~FileLock() { close(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  State state() const { return state_; }
  /// Of the open file; -1 when it is kImpossible.
  int descriptor() const { return descriptor_; }
  /// Removes the file and gives its lock back, if it is taken.
  void remove();

 private:
  void close();

  fs::path file_;
  State state_ = State::kImpossible;
  int descriptor_ = -1;
};

}  // namespace expandft
