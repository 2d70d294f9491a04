#include "base/temporary_storage.h"

#include "base/error.h"
#include "base/wording.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kFreeSpace =
    "free some space there, or set TMPDIR to a folder with more room";

}  // namespace

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
    return;  // not every file system can allocate
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

ScratchSpace ScratchSpace::in_memory(std::uint64_t bytes) {
  ScratchSpace space(bytes);
  space.memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  return space;
}

ScratchSpace ScratchSpace::on_disk(const fs::path& folder, std::uint64_t bytes) {
  ScratchSpace space(bytes);
  space.file_.emplace(folder, "free some space there");
  space.file_->reserve(bytes);
  return space;
}

void ScratchSpace::check(std::uint64_t begin, std::size_t count) const {
  if (begin <= size_ && count <= size_ - begin) return;
  throw failure("bytes " + std::to_string(begin) + " to " + std::to_string(begin + count) +
                " of scratch space that has " + std::to_string(size_));
}

void ScratchSpace::write(std::uint64_t begin, std::span<const std::byte> bytes) {
  check(begin, bytes.size());
  if (file_) {
    file_->write(begin, bytes);
  } else if (!bytes.empty()) {
    std::memcpy(memory_.get() + begin, bytes.data(), bytes.size());
  }
}

void ScratchSpace::read(std::uint64_t begin, std::span<std::byte> bytes) const {
  check(begin, bytes.size());
  if (file_) {
    file_->read(begin, bytes);
  } else if (!bytes.empty()) {
    std::memcpy(bytes.data(), memory_.get() + begin, bytes.size());
  }
}

fs::path spill_folder() {
  const char* const named = std::getenv("TMPDIR");
  if (named != nullptr && *named != '\0') return named;
  if (is_folder("/var/tmp")) return "/var/tmp";
  std::error_code ignored;
  return fs::temp_directory_path(ignored);
}

TemporaryFolder::TemporaryFolder() {
  const fs::path folder = spill_folder();
  std::string name = (folder / "expandft-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw failure("cannot create a temporary folder: " + system_message(errno), folder.string(),
                  "set TMPDIR to a folder that can be written");
  }
  path_ = name;
}

void TemporaryFolder::remove() const {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

SpillBuffer::SpillBuffer(std::size_t memory_limit, fs::path folder)
    : memory_limit_(memory_limit), folder_(std::move(folder)) {
  if (folder_.empty()) folder_ = spill_folder();
}

SpillBuffer::SpillBuffer(SpillBuffer&& other) noexcept
    : memory_limit_(other.memory_limit_),
      folder_(std::move(other.folder_)),
      file_(std::exchange(other.file_, std::nullopt)),
      written_(std::exchange(other.written_, 0)),
      held_(std::exchange(other.held_, 0)),
      pieces_(std::move(other.pieces_)) {}

SpillBuffer& SpillBuffer::operator=(SpillBuffer&& other) noexcept {
  std::swap(memory_limit_, other.memory_limit_);
  std::swap(folder_, other.folder_);
  std::swap(file_, other.file_);
  std::swap(written_, other.written_);
  std::swap(held_, other.held_);
  std::swap(pieces_, other.pieces_);
  return *this;
}

void SpillBuffer::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // Once there is a file, memory serves only to write in large pieces.
    const std::size_t most = !file_ ? memory_limit_ : std::min(memory_limit_, kPiece);
    if (held_ >= most) spill();
    const std::size_t at = held_ % kPiece;
    if (held_ / kPiece == pieces_.size()) {
      pieces_.push_back(std::make_unique_for_overwrite<std::byte[]>(kPiece));
    }
    const std::size_t count = std::min(bytes.size(), kPiece - at);
    std::memcpy(pieces_[held_ / kPiece].get() + at, bytes.data(), count);
    held_ += count;
    bytes = bytes.subspan(count);
  }
}

void SpillBuffer::read(std::uint64_t begin, std::span<std::byte> bytes) const {
  if (begin > size() || bytes.size() > size() - begin) {
    throw failure("read beyond the end of a buffer of " + std::to_string(size()) + " bytes");
  }
  if (begin < written_) {
    const std::size_t in_file = std::min<std::uint64_t>(bytes.size(), written_ - begin);
    file_->read(begin, bytes.first(in_file));
    bytes = bytes.subspan(in_file);
    begin += in_file;
  }
  while (!bytes.empty()) {
    const auto place = static_cast<std::size_t>(begin - written_);
    const std::size_t count = std::min(bytes.size(), kPiece - place % kPiece);
    std::memcpy(bytes.data(), pieces_[place / kPiece].get() + place % kPiece, count);
    bytes = bytes.subspan(count);
    begin += count;
  }
}

void SpillBuffer::spill() {
  if (held_ == 0) return;
  if (!file_) file_.emplace(folder_, kFreeSpace);
  for (std::size_t at = 0; at < held_; at += kPiece) {
    file_->write(written_ + at, {pieces_[at / kPiece].get(), std::min(kPiece, held_ - at)});
  }
  written_ += held_;
  held_ = 0;
  pieces_.resize(1);
}

}  // namespace expandft
