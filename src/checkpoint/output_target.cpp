#include "checkpoint/output_target.h"

#include "base/error.h"
#include "report/human.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

namespace expandft {
namespace {

constexpr std::uint64_t kReserveBytes = 16u << 20;  // for configs, logs and the file system itself

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

/// What to do about an existing output: the commands that write models have --force.
const char* way_out(OutputKind kind) {
  return kind == OutputKind::kModel
             ? "choose another, or move this one: --force replaces only models that expandft wrote"
             : "choose another, or move this one";
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

/// Refuses a target that is, contains or is inside an input: writing it would change the input.
void check_apart(const fs::path& target, const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    // Check the input's folder too: the input may be a link inside the target that leads out of it.
    if (contains(target, input) || (is_there(input) && contains(target, parent_of(input)))) {
      throw input_error(
          "the output is or contains the input " + input.string() + ", which would be replaced",
          target.string(), "choose another output");
    }
    if (contains(input, target)) {
      throw input_error(
          "the output is inside the input " + input.string() + ", which is never changed",
          target.string(), "choose another output");
    }
  }
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
    throw failure("cannot write in the folder: " + std::generic_category().message(errno),
                  parent.string(), "choose another output");
  }
  struct statvfs space {};
  if (::statvfs(parent.c_str(), &space) != 0)
    return;  // unknown: a full disk is reported when writing
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free < kReserveBytes || free - kReserveBytes < needed_bytes) {
    throw failure("found " + human_bytes(static_cast<double>(free)) + " free, expected " +
                      human_bytes(static_cast<double>(needed_bytes)) + " and a reserve of " +
                      human_bytes(static_cast<double>(kReserveBytes)),
                  target.string(), "free some space, or choose another output");
  }
}

void check_outside_runs(const fs::path& target) {
  if (const auto run = run_around(target)) {
    throw input_error(
        "the output is inside the run " + run->string() + ", where only its own training writes",
        target.string(), "choose an output outside all runs");
  }
}

}  // namespace

fs::path resolve_target(const fs::path& given) {
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

bool can_replace(const fs::path& target, Existing existing, OutputKind kind) {
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
    throw input_error("found a mount point, expected a directory that can be replaced", name,
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

void check_target(const fs::path& target, std::uint64_t needed_bytes, Existing existing,
                  OutputKind kind) {
  const fs::path resolved = resolve_target(target);
  can_replace(resolved, existing, kind);
  check_parent(resolved, needed_bytes);
}

void check_model_target(const fs::path& target, std::uint64_t needed_bytes, Existing existing,
                        const std::vector<fs::path>& inputs) {
  const fs::path resolved = resolve_target(target);
  check_apart(resolved, inputs);
  check_outside_runs(resolved);
  check_target(target, needed_bytes, existing, OutputKind::kModel);
}

void check_model_file_target(const fs::path& target, std::uint64_t needed_bytes,
                             const std::function<bool(const fs::path&)>& can_replace_file,
                             const std::vector<fs::path>& inputs) {
  check_apart(target, inputs);
  check_outside_runs(target);
  check_parent(target, needed_bytes);
  if (!is_there(target)) return;
  if (!is_file(target)) {
    throw input_error("found a directory, expected a new file", target.string(),
                      "name a file in it, or another");
  }
  if (!can_replace_file(target)) {
    throw input_error("found a file, expected a new one", target.string(),
                      "choose another, or replace it with --force: a model that expandft wrote");
  }
}

}  // namespace expandft
