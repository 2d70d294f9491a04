#pragma once

#include "base/temporary_file.h"

#include <memory>
#include <optional>

namespace expandft {

/// Room for a known number of bytes, written and read at any place: in memory, which is taken as it
/// is written, or in a temporary file.
class ScratchSpace {
 public:
  static ScratchSpace in_memory(std::uint64_t bytes);
  /// A file in `folder`. Where the file system can tell, the room is taken at once: a failure that
  /// names the folder when the disk has not so much.
  static ScratchSpace on_disk(const fs::path& folder, std::uint64_t bytes);

  /// Failures: past the end, and what the disk refuses.
  void write(std::uint64_t begin, std::span<const std::byte> bytes);
  /// What was written there. Failures: as write.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

  bool is_on_disk() const { return file_.has_value(); }

 private:
  explicit ScratchSpace(std::uint64_t bytes) : size_(bytes) {}
  void check(std::uint64_t begin, std::size_t count) const;

  std::uint64_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_;  // or
  std::optional<TemporaryFile> file_;
};

}  // namespace expandft
