#pragma once

#include "base/files.h"

#include <cstdint>
#include <string>

namespace expandft {

/// A directory that appears whole or not at all. Files are written into path(), which lies beside
/// the target; commit() fsyncs every file and folder and renames it into place. Without commit()
/// the destructor removes what was written.
class AtomicDirectory {
 public:
  /// What may be done about a target that is there already.
  enum class Existing {
    kRefuse,       // an input error, unless it is an empty directory
    kReplaceOurs,  // replaced when it carries our marker, else an input error with a hint of
                   // --force
    kReplace,      // replaced whatever it is (--force)
  };
  /// `needed_bytes`: what will be written; a failure that says how much is free when the disk has
  /// no room. Leftovers of dead processes beside the target are removed, missing parents created.
  /// A link is followed: what it leads to is replaced. A mount point, and a directory that holds
  /// the home or the working directory, are input errors whatever `existing` is, since they cannot
  /// be, or must not be, replaced whole. A folder that cannot be written is a failure.
  AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const fs::path& path() const { return path_; }
  const fs::path& target() const { return target_; }
  /// Writes the marker and makes the directory appear, in one step where the file system can.
  void commit();

 private:
  fs::path target_, path_;
  Existing existing_;
  bool committed_ = false;
};

/// The marker file by which a directory is known as ours: ".expandft".
bool is_ours(const fs::path& directory);
/// Refuses early, before work starts, what the constructor would refuse.
void check_target(const fs::path& target, std::uint64_t needed_bytes,
                  AtomicDirectory::Existing existing);

}  // namespace expandft
