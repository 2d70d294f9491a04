#include "checkpoint/output_lock.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

namespace expandft {
namespace {

std::string own_name() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return "process " + std::to_string(getpid()) + " on " + host.data() + ", since " + time.data();
}

/// The name that the holder wrote; empty before it did, or if another program wrote the file.
std::string read_name(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  const std::string name(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto is_plain = [](unsigned char c) { return c >= ' ' && c < 127; };
  return name.starts_with("process ") && std::ranges::all_of(name, is_plain) ? name : "";
}

}  // namespace

fs::path lock_file(const fs::path& target) {
  fs::path plain = without_trailing_separator(target);
  std::error_code error;
  if (fs::is_symlink(plain, error)) {  // a directory and a link to it share one lock
    const fs::path meant = fs::weakly_canonical(plain, error);
    if (!error) plain = meant;
  }
  return parent_of(plain) / ("." + plain.filename().string() + ".lock");
}

std::optional<std::string> lock_holder(const fs::path& target) {
  const int descriptor = open(lock_file(target).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return {};
  std::optional<std::string> holder;
  if (flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    holder = read_name(descriptor);
    if (holder->empty()) holder = "a process that has just started";
  }
  close(descriptor);
  return holder;
}

OutputLock::OutputLock(const fs::path& target) {
  const fs::path file = lock_file(target);
  try {
    parents_.emplace(parent_of(file));
  } catch (const Error&) {
    return;
  }
  lock_.emplace(file, FileLock::Missing::kCreate);
  if (lock_->state() == FileLock::State::kHeld) {
    const std::string holder = read_name(lock_->descriptor());
    throw input_error(
        "another run is writing here: " +
            (holder.empty() ? std::string("a process that has just started") : holder),
        target.string(), "wait until it ends, or choose another output");
  }
  if (lock_->state() != FileLock::State::kTaken) return;
  const int descriptor = lock_->descriptor();
  if (const std::string before = read_name(descriptor); !before.empty()) dead_holder_ = before;
  const std::string name = own_name();
  // If the name cannot be written (full disk), the lock holds all the same.
  if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, name.data(), name.size(), 0) < 0) return;
}

OutputLock::~OutputLock() {
  if (lock_) lock_->remove();
}

}  // namespace expandft
