#pragma once

#include <cstdint>
#include <string>

#include "base/files.h"

namespace expandft {

/// A directory that appears whole or not at all. Files are written into path(), which lies beside
/// the target; commit() fsyncs every file and folder and renames it into place. Without commit()
/// the destructor removes what was written.
class AtomicDirectory {
 public:
  /// What may be done about a target that is there already.
  enum class Existing {
    kRefuse,       // an input error, unless it is an empty directory
    kReplaceOurs,  // replaced when it carries our marker, else an input error with a hint of --force
    kReplace,      // replaced whatever it is (--force)
  };
  /// `needed_bytes`: what will be written; a failure that says how much is free when the disk has
  /// no room. Leftovers of dead processes beside the target are removed.
  AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const fs::path& path() const { return path_; }
  const fs::path& target() const { return target_; }
  void commit();

 private:
  fs::path target_, path_;
  Existing existing_;
  bool committed_ = false;
};

/// The marker file by which a directory is known as ours: ".expandft".
bool is_ours(const fs::path& directory);
/// Refuses early, before work starts, what the constructor would refuse.
void check_target(const fs::path& target, std::uint64_t needed_bytes, AtomicDirectory::Existing existing);

}  // namespace expandft
