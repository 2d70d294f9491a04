#pragma once

#include "base/files.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace expandft {

/// A file without a name, which goes away with the process however that ends. It is read with
/// pread, not mapped: what was read does not count as the process's memory, and a fault of the disk
/// is an error, no signal. Several threads may read at once.
class TemporaryFile {
 public:
  /// In `folder`, which failures name, with `hint`. A failure when it cannot be made.
  TemporaryFile(fs::path folder, std::string hint);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&& other) noexcept;

  /// Takes room for so many bytes where the file system can do so; a failure when it has not them.
  void reserve(std::uint64_t bytes);
  /// A failure when the disk refuses: it is full, or at fault.
  void write(std::uint64_t begin, std::span<const std::byte> bytes);
  /// A failure when there are not so many bytes, or on a fault of the disk.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

 private:
  fs::path folder_;
  std::string hint_;
  int descriptor_ = -1;
};

}  // namespace expandft
