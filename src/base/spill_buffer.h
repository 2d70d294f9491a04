#pragma once

#include "base/temporary_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace expandft {

/// The folder for temporary files that may become large: TMPDIR, else /var/tmp, since /tmp often
/// lies in memory, else the system's folder for temporary files.
fs::path spill_folder();

/// Bytes that are appended, and read at any place. Up to a bound they lie in memory; past it they
/// go to a temporary file. Several threads may read at once.
class SpillBuffer {
 public:
  /// `memory_limit`: the most bytes in memory. `folder` empty: spill_folder().
  explicit SpillBuffer(std::size_t memory_limit, fs::path folder = {});
  SpillBuffer(SpillBuffer&& other) noexcept;
  SpillBuffer& operator=(SpillBuffer&& other) noexcept;

  /// A failure that names the folder when the file cannot be made or written: a full disk.
  void append(std::span<const std::byte> bytes);
  /// Copies the bytes from `begin` on. A failure when there are not so many, or on a fault of the
  /// disk.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

  std::uint64_t size() const { return written_ + held_; }
  std::uint64_t bytes_on_disk() const { return written_; }
  const fs::path& folder() const { return folder_; }

 private:
  static constexpr std::size_t kPiece = 1u << 20;

  void spill();

  std::size_t memory_limit_;
  fs::path folder_;
  std::optional<TemporaryFile> file_;
  std::uint64_t written_ = 0;                         // bytes in the file, the first ones
  std::size_t held_ = 0;                              // bytes in the pieces, those after them
  std::vector<std::unique_ptr<std::byte[]>> pieces_;  // kPiece bytes each
};

}  // namespace expandft
