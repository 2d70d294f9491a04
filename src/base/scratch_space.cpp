#include "base/scratch_space.h"

#include "base/error.h"

#include <cstring>
#include <string>

namespace expandft {

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

}  // namespace expandft
