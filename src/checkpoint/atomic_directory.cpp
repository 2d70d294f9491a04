#include "checkpoint/atomic_directory.h"

#include "base/error.h"
#include "base/wording.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::uint64_t kReserveBytes = 16u << 20;  // for configs, logs and the file system itself

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::string in_units(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

/// The target without links at its end, so that renaming replaces what a link leads to.
fs::path resolve(const fs::path& given) {
  const fs::path target = without_trailing_separator(given);
  const std::string name = target.filename().string();
  if (name.empty() || name == "." || name == "..") {
    throw input_error(
        "found \"" + given.string() + "\", expected a directory with a name of its own",
        given.string(), "name a new directory inside it");
  }
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(target, error))) return target;
  const fs::path resolved = fs::canonical(target, error);
  if (error)
    throw input_error("found a link that leads nowhere, expected a directory", target.string());
  return resolved;
}

bool is_mount_point(const fs::path& directory) {
  struct stat own {
  }, parent{};
  if (::stat(directory.c_str(), &own) != 0 || ::stat(parent_of(directory).c_str(), &parent) != 0)
    return false;
  if (own.st_dev != parent.st_dev) return true;
#ifdef STATX_ATTR_MOUNT_ROOT
  struct statx extended {};  // a bind mount within one file system
  if (::statx(AT_FDCWD, directory.c_str(), 0, 0, &extended) != 0) return false;
  return (extended.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
  return false;
#endif
}

/// What to do about an output that is there: the commands that write models have --force.
const char* way_out(OutputKind kind) {
  return kind == OutputKind::kModel
             ? "choose another, or move this away: --force replaces only models that expandft wrote"
             : "choose another, or move this away";
}

/// "a model that expandft wrote", "a directory that expandft did not write (a.txt, b.txt, …)".
std::string content_of(const fs::path& directory) {
  if (const auto kind = kind_of(directory)) return name_of(*kind) + " that expandft wrote";
  constexpr std::size_t kShown = 3;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end;
       !error && entry != end && names.size() <= kShown; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    list += (i > 0 ? ", " : "") + names[i];
  return "a directory that expandft did not write (" + list +
         (names.size() > kShown ? ", …)" : ")");
}

/// A target that is, holds or lies in an input would replace it, or change it.
void check_apart(const fs::path& target, const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    // The input's own folder too: a link in the target may lead out of it.
    if (contains(target, input) || (is_there(input) && contains(target, parent_of(input)))) {
      throw input_error(
          "the output is or holds the input " + input.string() + ", which would be replaced",
          target.string(), "choose another output");
    }
    if (contains(input, target)) {
      throw input_error(
          "the output lies in the input " + input.string() + ", which is never changed",
          target.string(), "choose another output");
    }
  }
}

/// Refuses a target that may not be replaced. Returns whether there is something to replace.
bool check_existing(const fs::path& target, AtomicDirectory::Existing existing, OutputKind kind) {
  using Existing = AtomicDirectory::Existing;
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::not_found) return false;
  if (status.type() == fs::file_type::none) {
    throw input_error("cannot look at the output: " + error.message(), target.string());
  }
  const std::string name = target.string();
  if (!fs::is_directory(status)) {
    throw input_error("found a file, expected a new directory", name, way_out(kind));
  }
  if (is_mount_point(target)) {
    throw input_error("found a mount point, expected a directory that can be replaced whole", name,
                      "name a directory inside it: " + (target / "model").string());
  }
  const char* const home = std::getenv("HOME");
  const fs::path working = fs::current_path(error);
  if ((!error && contains(target, working)) ||
      (home != nullptr && *home != '\0' && contains(target, home))) {
    throw input_error("found the home or the working directory, expected one that can be replaced",
                      name, "name a new directory inside it");
  }
  const bool is_empty = fs::is_empty(target, error);
  if (error) throw input_error("cannot read the output: " + error.message(), name);
  if (is_empty) return true;
  const bool same_kind = kind_of(target) == kind;
  if (same_kind && existing == Existing::kReplaceOurs) return true;
  throw input_error(
      "found " + content_of(target) + ", expected a new directory" +
          (existing == Existing::kReplaceOurs ? " or " + name_of(kind) + " to replace" : ""),
      name,
      same_kind && kind == OutputKind::kModel ? "choose another, or replace it with --force"
                                              : way_out(kind));
}

void check_parent(const fs::path& target, std::uint64_t needed_bytes) {
  fs::path parent = parent_of(target);
  std::error_code error;
  while (fs::status(parent, error).type() == fs::file_type::not_found &&
         parent != parent_of(parent)) {
    parent = parent_of(parent);
  }
  if (!fs::is_directory(parent, error)) {
    throw input_error("found a file where a folder is expected", parent.string(),
                      "choose another output");
  }
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    throw failure("cannot write in the folder: " + reason(errno), parent.string(),
                  "choose another output");
  }
  struct statvfs space {};
  if (::statvfs(parent.c_str(), &space) != 0) return;  // then writing will tell
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free < kReserveBytes || free - kReserveBytes < needed_bytes) {
    throw failure("found " + in_units(free) + " free, expected " + in_units(needed_bytes) +
                      " and a reserve of " + in_units(kReserveBytes),
                  target.string(), "free some space, or choose another output");
  }
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

/// Puts `fresh` in the place of `target`; what was there is at `fresh` or gone afterwards.
void exchange(const fs::path& fresh, const fs::path& target) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) {
    throw failure("cannot rename " + fresh.string() + ": " + reason(errno), target.string());
  }
  // A file system that cannot exchange. Ended in between, remove_dead_partials puts the old back.
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

void check_target(const fs::path& target, std::uint64_t needed_bytes,
                  AtomicDirectory::Existing existing, OutputKind kind) {
  const fs::path resolved = resolve(target);
  check_existing(resolved, existing, kind);
  check_parent(resolved, needed_bytes);
}

void check_model_target(const fs::path& target, std::uint64_t needed_bytes,
                        AtomicDirectory::Existing existing, const std::vector<fs::path>& inputs) {
  const fs::path resolved = resolve(target);
  check_apart(resolved, inputs);
  if (const auto run = run_around(resolved)) {
    throw input_error(
        "the output lies in the run " + run->string() + ", where only its own training writes",
        target.string(), "choose an output outside of every run");
  }
  check_target(target, needed_bytes, existing, OutputKind::kModel);
}

AtomicDirectory::AtomicDirectory(fs::path target, std::uint64_t needed_bytes, Existing existing,
                                 OutputKind kind)
    : target_(resolve(target)), existing_(existing), kind_(kind) {
  for (const fs::path& unknown : remove_dead_partials(target_)) {
    spdlog::warn(
        "{}: a process prepares this or has left it; which cannot be told, as the file system has "
        "no lock on it, so it stays: delete it when nothing writes {}",
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

/// Removes what lies at path(): what was written, or, after commit(), what it took the place of.
void AtomicDirectory::clear_place() {
  // Another thread may make or rename a file after the folder was listed; soon it finds no folder.
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
    // Again: something may have come there while we worked.
    if (check_existing(target_, existing_, kind_)) {
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
