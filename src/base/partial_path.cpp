#include "base/files.h"
#include "base/process_start.h"

#include <cerrno>
#include <charconv>
#include <optional>
#include <signal.h>
#include <string>
#include <system_error>
#include <unistd.h>

namespace expandft {
namespace {

std::string prefix_of(const fs::path& target) {
  return "." + without_trailing_separator(target).filename().string() + ".partial-";
}

/// Whether the process of "<process id>-<start time>[.old]" is gone; nothing when it is not of that
/// form.
std::optional<bool> is_dead(std::string_view owner) {
  long process = 0;
  const auto [end, error] = std::from_chars(owner.data(), owner.data() + owner.size(), process);
  if (error != std::errc() || process <= 0) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(owner.data() + owner.size() - end));
  if (!rest.starts_with('-')) return std::nullopt;
  if (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) return true;
  // A process whose time cannot be read, as under hidepid, may live.
  const auto started = start_ticks(process);
  return started && rest.substr(1, rest.find('.') - 1) != std::to_string(*started);
}

}  // namespace

fs::path parent_of(const fs::path& path) {
  const fs::path parent = without_trailing_separator(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

fs::path without_trailing_separator(const fs::path& path) {
  return path.has_filename() || !path.has_parent_path() || path == path.root_path()
             ? path
             : path.parent_path();
}

fs::path partial_path(const fs::path& target) {
  const long process = ::getpid();
  return parent_of(target) / (prefix_of(target) + std::to_string(process) + "-" +
                              std::to_string(start_ticks(process).value_or(0)));
}

void remove_dead_partials(const fs::path& target) {
  const std::string prefix = prefix_of(target);
  std::error_code error;
  for (fs::directory_iterator entry(parent_of(target), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (is_dead(std::string_view(name).substr(prefix.size())).value_or(false)) {
      std::error_code ignored;
      if (name.ends_with(".old") && !fs::exists(fs::symlink_status(target, ignored))) {
        fs::rename(entry->path(), target, ignored);
        continue;
      }
      // What cannot be removed harms nobody.
      fs::remove_all(entry->path(), ignored);
    }
  }
}

}  // namespace expandft
