#include "base/partial_path.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace expandft {
namespace {

constexpr std::string_view kLockEnding = ".lock", kAsideEnding = ".old";

std::string prefix_of(const fs::path& target) {
  return "." + without_trailing_separator(target).filename().string() + ".partial-";
}

fs::path lock_of(fs::path place) {
  return place += kLockEnding;
}

/// Where an old target is kept while a new one takes its place.
fs::path aside_of(fs::path place) {
  return place += kAsideEnding;
}

bool is_link_or_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

bool is_used(const fs::path& place) {
  return is_link_or_there(place) || is_link_or_there(aside_of(place));
}

/// Whether the text is "<process id>-<number>".
bool is_place(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto is_number = [](std::string_view digits) {
    return !digits.empty() &&
           std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  };
  return dash != text.npos && is_number(text.substr(0, dash)) && is_number(text.substr(dash + 1));
}

/// The partial paths of a target, found by their own files, locks and old targets.
std::set<fs::path> places_of(const fs::path& target) {
  const std::string prefix = prefix_of(target);
  std::set<fs::path> places;
  std::error_code error;
  for (fs::directory_iterator entry(parent_of(target), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::string_view place = name;
    for (const std::string_view ending : {kLockEnding, kAsideEnding}) {
      if (place.ends_with(ending)) place.remove_suffix(ending.size());
    }
    if (is_place(place.substr(prefix.size()))) places.insert(parent_of(target) / place);
  }
  return places;
}

/// Removes what is at a path that nobody uses. What cannot be removed does no harm.
void clear(const fs::path& place, const fs::path& target) {
  std::error_code ignored;
  const fs::path aside = aside_of(place);
  if (is_link_or_there(aside)) {
    if (is_link_or_there(target)) {
      fs::remove_all(aside, ignored);
    } else {
      fs::rename(aside, target, ignored);
    }
  }
  fs::remove_all(place, ignored);
}

}  // namespace

PartialPath::PartialPath(const fs::path& target) {
  std::random_device random;
  do {
    path_ = parent_of(target) /
            (prefix_of(target) + std::to_string(::getpid()) + "-" + std::to_string(random()));
    lock_.emplace(lock_of(path_), FileLock::Missing::kCreate);
  } while (lock_->state() ==
           FileLock::State::kHeld);  // another process is checking whether it is left over
}

void PartialPath::release() {
  if (lock_ && !is_used(path_)) lock_->remove();
  lock_.reset();
}

std::vector<fs::path> remove_dead_partials(const fs::path& target) {
  std::vector<fs::path> unknown;
  for (const fs::path& place : places_of(target)) {
    FileLock lock(lock_of(place), FileLock::Missing::kLeave);
    if (lock.state() == FileLock::State::kTaken) {
      clear(place, target);
      if (!is_used(place)) lock.remove();
    } else if (lock.state() == FileLock::State::kImpossible && is_used(place)) {
      unknown.push_back(place);
    }
  }
  return unknown;
}

}  // namespace expandft
