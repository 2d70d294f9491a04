#include "base/spill_buffer.h"

#include "base/error.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kFreeSpace =
    "free some space there, or set TMPDIR to a folder with more room";

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
    // Once there is a file, memory is only there to write in large pieces.
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
    throw failure("read past the end of a buffer of " + std::to_string(size()) + " bytes");
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
