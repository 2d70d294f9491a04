#include "checkpoint/atomic_directory.h"

#include "base/error.h"
#include "base/wording.h"

#include <cerrno>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

void sync_tree(const fs::path& directory) try {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    const fs::file_type type = entry.symlink_status().type();
    if (type == fs::file_type::directory) sync_directory(entry.path());
    if (type == fs::file_type::regular) sync_file(entry.path());
  }
  sync_directory(directory);
} catch (const fs::filesystem_error& error) {
  throw failure("cannot read the folder: " + error.code().message(), directory.string());
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    throw failure("cannot rename " + from.string() + ": " + reason(errno), to.string());
  }
}

/// Moves `fresh` to `target`; the previous target is afterwards at `fresh` or removed.
void exchange(const fs::path& fresh, const fs::path& target) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) {
    throw failure("cannot rename " + fresh.string() + ": " + reason(errno), target.string());
  }
  // This file system cannot exchange. If the process dies in between, remove_dead_partials restores
  // the previous target.
  const fs::path aside = fresh.string() + ".old";
  rename_or_throw(target, aside);
  try {
    rename_or_throw(fresh, target);
  } catch (...) {
    rename_or_throw(aside, target);
    throw;
  }
  std::error_code ignored;
  fs::remove_all(aside, ignored);
}

}  // namespace

AtomicDirectory::AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing,
                                 OutputKind kind)
    : target_(resolve_target(target)), existing_(existing), kind_(kind) {
  for (const fs::path& unknown : remove_dead_partials(target_)) {
    spdlog::warn(
        "{}: another process is writing this or left it behind. The file system does not support "
        "locks, so expandft cannot tell which, and keeps it. Delete it if nothing is writing {}",
        printable(unknown.string()), printable(target_.string()));
  }
  check_target(target_, needed_bytes, existing_, kind_);
  made_parents_.emplace(parent_of(target_));
  place_.emplace(target_);
  if (::mkdir(path().c_str(), 0777) != 0) {
    throw failure("cannot create the folder: " + reason(errno), path().string(),
                  "choose another output");
  }
}

AtomicDirectory::~AtomicDirectory() {
  discard();
}

bool AtomicDirectory::discard() {
  const std::lock_guard lock(appearing_);
  clear_place();
  if (!committed_) made_parents_.reset();
  return !committed_;
}

/// Removes path(): what was written or, after commit(), what it replaced.
void AtomicDirectory::clear_place() {
  // Another thread may still create or rename a file after the folder was listed, so try again.
  constexpr int kAttempts = 10;
  for (int i = 0; i < kAttempts; ++i) {
    std::error_code error;
    fs::remove_all(path(), error);
    if (!error) break;
  }
  place_->release();
}

void AtomicDirectory::commit() {
  write_marker(path(), kind_);
  sync_tree(path());
  {
    const std::lock_guard lock(appearing_);
    // Check again: something may have appeared there in the meantime.
    if (can_replace(target_, existing_, kind_)) {
      exchange(path(), target_);
    } else {
      rename_or_throw(path(), target_);
    }
    committed_ = true;
  }
  sync_directory(parent_of(target_));
  const std::lock_guard lock(appearing_);
  clear_place();
}

}  // namespace expandft
