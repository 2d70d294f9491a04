#include "base/scratch_space.h"

#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

Error disk_failure(const std::string& what, int error, const fs::path& folder) {
  return failure(what + ": " + std::generic_category().message(error), folder.string(),
                 "free some space there");
}

}  // namespace

ScratchSpace ScratchSpace::in_memory(std::uint64_t bytes) {
  ScratchSpace space(bytes);
  space.memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  return space;
}

ScratchSpace ScratchSpace::on_disk(const fs::path& folder, std::uint64_t bytes) {
  ScratchSpace space(bytes);
  space.folder_ = folder;
  std::string name = (folder / ".expandft-XXXXXX").string();
  space.descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (space.descriptor_ < 0) {
    throw disk_failure("cannot create a temporary file", errno, folder);
  }
  ::unlink(name.c_str());
  while (bytes > 0 && ::fallocate(space.descriptor_, 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
      throw disk_failure("no room for a temporary file of " + std::to_string(bytes) + " bytes",
                         errno, folder);
    }
    break;  // not every file system can
  }
  return space;
}

ScratchSpace::~ScratchSpace() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

ScratchSpace::ScratchSpace(ScratchSpace&& other) noexcept
    : size_(other.size_),
      memory_(std::move(other.memory_)),
      folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

ScratchSpace& ScratchSpace::operator=(ScratchSpace&& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(memory_, other.memory_);
  std::swap(folder_, other.folder_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void ScratchSpace::check(std::uint64_t begin, std::size_t count) const {
  if (begin <= size_ && count <= size_ - begin) return;
  throw failure("bytes " + std::to_string(begin) + " to " + std::to_string(begin + count) +
                " of scratch space that has " + std::to_string(size_));
}

void ScratchSpace::write(std::uint64_t begin, std::span<const std::byte> bytes) {
  check(begin, bytes.size());
  if (bytes.empty()) return;
  if (!is_on_disk()) {
    std::memcpy(memory_.get() + begin, bytes.data(), bytes.size());
    return;
  }
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw disk_failure("cannot write a temporary file", errno, folder_);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    begin += static_cast<std::uint64_t>(count);
  }
}

void ScratchSpace::read(std::uint64_t begin, std::span<std::byte> bytes) const {
  check(begin, bytes.size());
  if (bytes.empty()) return;
  if (!is_on_disk()) {
    std::memcpy(bytes.data(), memory_.get() + begin, bytes.size());
    return;
  }
  while (!bytes.empty()) {
    const ssize_t count =
        ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw disk_failure("cannot read a temporary file", errno, folder_);
    if (count == 0) throw failure("a temporary file ends too early", folder_.string());
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    begin += static_cast<std::uint64_t>(count);
  }
}

}  // namespace expandft
