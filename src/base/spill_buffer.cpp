#include "base/spill_buffer.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kHint = "free some space there, or set TMPDIR to a folder with more room";

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

fs::path spill_folder() {
  const char* const named = std::getenv("TMPDIR");
  if (named != nullptr && *named != '\0') return named;
  if (is_folder("/var/tmp")) return "/var/tmp";
  std::error_code ignored;
  return fs::temp_directory_path(ignored);
}

SpillBuffer::SpillBuffer(std::size_t memory_limit, fs::path folder)
    : memory_limit_(memory_limit), folder_(std::move(folder)) {
  if (folder_.empty()) folder_ = spill_folder();
}

SpillBuffer::~SpillBuffer() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

SpillBuffer::SpillBuffer(SpillBuffer&& other) noexcept
    : memory_limit_(other.memory_limit_),
      folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      written_(std::exchange(other.written_, 0)),
      held_(std::exchange(other.held_, 0)),
      pieces_(std::move(other.pieces_)) {}

SpillBuffer& SpillBuffer::operator=(SpillBuffer&& other) noexcept {
  std::swap(memory_limit_, other.memory_limit_);
  std::swap(folder_, other.folder_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(written_, other.written_);
  std::swap(held_, other.held_);
  std::swap(pieces_, other.pieces_);
  return *this;
}

void SpillBuffer::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // Once there is a file, memory is only there to write in large pieces.
    const std::size_t most = descriptor_ < 0 ? memory_limit_ : std::min(memory_limit_, kPiece);
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
    throw failure("read past the end of a buffer of " + std::to_string(size()) + " bytes");
  }
  while (!bytes.empty() && begin < written_) {
    const std::size_t most = std::min<std::uint64_t>(bytes.size(), written_ - begin);
    const ssize_t count = ::pread(descriptor_, bytes.data(), most, static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      throw failure("cannot read a temporary file at byte " + std::to_string(begin) + ": " +
                        (count == 0 ? "it ends too early" : reason(errno)),
                    folder_.string());
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    begin += static_cast<std::uint64_t>(count);
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
  if (descriptor_ < 0) open_file();
  for (std::size_t at = 0; at < held_; at += kPiece) {
    write({pieces_[at / kPiece].get(), std::min(kPiece, held_ - at)});
  }
  written_ += held_;
  held_ = 0;
  pieces_.resize(1);
}

void SpillBuffer::open_file() {
  std::string name = (folder_ / "expandft-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) {
    throw failure("cannot create a temporary file: " + reason(errno), folder_.string(), kHint);
  }
  ::unlink(name.c_str());
}

void SpillBuffer::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw failure("cannot write a temporary file of more than " + std::to_string(written_) +
                        " bytes: " + reason(errno),
                    folder_.string(), kHint);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace expandft
