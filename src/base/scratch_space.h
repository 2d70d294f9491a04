#pragma once

#include "base/files.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace expandft {

/// Room for a known number of bytes, written and read at any place: in memory, which is taken as it
/// is written, or in a file without a name, which goes away with the process however that ends. The
/// file is read with pread: a fault of the disk is an error, no signal.
class ScratchSpace {
 public:
  static ScratchSpace in_memory(std::uint64_t bytes);
  /// A file in `folder`. Where the file system can tell, the room is taken at once: a failure that
  /// names the folder when the disk has not so much.
  static ScratchSpace on_disk(const fs::path& folder, std::uint64_t bytes);
  ~ScratchSpace();
  ScratchSpace(ScratchSpace&& other) noexcept;
  ScratchSpace& operator=(ScratchSpace&& other) noexcept;

  /// Failures: past the end, and what the disk refuses.
  void write(std::uint64_t begin, std::span<const std::byte> bytes);
  /// What was written there. Failures: as write.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

  std::uint64_t size() const { return size_; }
  bool is_on_disk() const { return descriptor_ >= 0; }

 private:
  explicit ScratchSpace(std::uint64_t bytes) : size_(bytes) {}
  void check(std::uint64_t begin, std::size_t count) const;

  std::uint64_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_;
  fs::path folder_;
  int descriptor_ = -1;
};

}  // namespace expandft
