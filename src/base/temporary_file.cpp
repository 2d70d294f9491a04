#include "base/temporary_file.h"

#include "base/error.h"
#include "base/system_message.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace expandft {

TemporaryFile::TemporaryFile(fs::path folder, std::string hint)
    : folder_(std::move(folder)), hint_(std::move(hint)) {
  std::string name = (folder_ / ".expandft-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) {
    throw failure("cannot create a temporary file: " + system_message(errno), folder_.string(),
                  hint_);
  }
  ::unlink(name.c_str());
}

TemporaryFile::~TemporaryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      hint_(std::move(other.hint_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

TemporaryFile& TemporaryFile::operator=(TemporaryFile&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(hint_, other.hint_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void TemporaryFile::reserve(std::uint64_t bytes) {
  while (bytes > 0 && ::fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
      throw failure("no room for a temporary file of " + std::to_string(bytes) +
                        " bytes: " + system_message(errno),
                    folder_.string(), hint_);
    }
    return;  // not every file system can
  }
}

void TemporaryFile::write(std::uint64_t begin, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw failure("cannot write a temporary file of more than " + std::to_string(begin) +
                        " bytes: " + system_message(errno),
                    folder_.string(), hint_);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    begin += static_cast<std::uint64_t>(count);
  }
}

void TemporaryFile::read(std::uint64_t begin, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      throw failure("cannot read a temporary file at byte " + std::to_string(begin) + ": " +
                        (count == 0 ? "it ends too early" : system_message(errno)),
                    folder_.string());
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    begin += static_cast<std::uint64_t>(count);
  }
}

}  // namespace expandft
