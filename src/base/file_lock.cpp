#include "base/file_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

/// Whether the name still leads to the open file: the previous holder may have removed it.
bool is_at(int descriptor, const fs::path& file) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::stat(file.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

}  // namespace

FileLock::FileLock(fs::path file, Missing missing) : file_(std::move(file)) {
  const bool creates = missing == Missing::kCreate;
  while (true) {
    descriptor_ =
        ::open(file_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (creates ? O_CREAT : 0), 0666);
    if (descriptor_ < 0) return;
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
      state_ = State::kTaken;
      if (is_at(descriptor_, file_)) return;
    } else if (errno == EWOULDBLOCK) {
      state_ = State::kHeld;
      return;
    } else if (errno != EINTR) {
      if (creates) ::unlink(file_.c_str());
      close();
      return;
    }
    close();
  }
}

void FileLock::remove() {
  if (state_ == State::kTaken) ::unlink(file_.c_str());
  close();
}

void FileLock::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  state_ = State::kImpossible;
}

}  // namespace expandft
