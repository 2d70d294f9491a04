#pragma once

#include "base/files.h"
#include "base/made_folders.h"
#include "base/partial_path.h"
#include "checkpoint/output_kind.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace expandft {

/// A directory that appears whole or not at all. Files are written into path(), which lies beside
/// the target; commit() fsyncs every file and folder and renames it into place. Without commit()
/// the destructor removes what was written, and discard() does so at once.
class AtomicDirectory {
 public:
  /// What may be done about a target that is there already.
  enum class Existing {
    kRefuse,       // an input error, unless it is an empty directory
    kReplaceOurs,  // replaced when it carries our marker and is of the same kind, else an input
                   // error
  };
  /// `needed_bytes`: what will be written; a failure that says how much is free when the disk has
  /// no room. Leftovers of ended processes beside the target are removed (where it cannot be told
  /// whether their process ended they stay, with a warning), missing parents created; without
  /// commit() they go again.
  /// A link is followed: what it leads to is replaced. A mount point, and a directory that holds
  /// the home or the working directory, are input errors whatever `existing` is, since they cannot
  /// be, or must not be, replaced whole. A folder that cannot be written is a failure.
  AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing, OutputKind kind);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const fs::path& path() const { return place_->path(); }
  const fs::path& target() const { return target_; }
  /// Writes the marker and makes the directory appear, in one step where the file system can.
  void commit();
  /// Removes what was written; writing into path() fails from now on. False when the directory has
  /// appeared already: then it stays. May be called by another thread.
  bool discard();

 private:
  void clear_place();

  fs::path target_;
  std::optional<MadeFolders> made_parents_;
  std::optional<PartialPath> place_;  // path(); lies in the parents
  Existing existing_;
  OutputKind kind_;
  std::mutex appearing_;
  bool committed_ = false;  // guarded by appearing_
};

/// Refuses early, before work starts, what the constructor would refuse.
void check_target(const fs::path& target, std::uint64_t needed_bytes,
                  AtomicDirectory::Existing existing, OutputKind kind);
/// The same of a model that a user names a place for. Refuses too, whatever `existing` is, a target
/// that is one of the `inputs`, holds one or lies in one, and one that lies in a run directory,
/// also by way of links and of "..".
void check_model_target(const fs::path& target, std::uint64_t needed_bytes,
                        AtomicDirectory::Existing existing, const std::vector<fs::path>& inputs);

}  // namespace expandft
