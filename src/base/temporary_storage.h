#pragma once

#include "base/files.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace expandft {

// Bytes that the process needs only while it runs.

/// A file without a name, which the kernel removes when the process ends, however it ends. It is
/// read with pread and not mapped: its pages do not count as the process's memory, and a broken
/// disk is an error and not a signal. Several threads may read at once.
class TemporaryFile {
 public:
  /// In `folder`. Failures name the folder and give the hint.
  TemporaryFile(fs::path folder, std::string hint);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&& other) noexcept;

  /// Allocates the bytes where the file system can. A failure when the disk has less space.
  void reserve(std::uint64_t bytes);
  /// A failure when the disk is full or broken.
  void write(std::uint64_t begin, std::span<const std::byte> bytes);
  /// A failure beyond the end of the file, or when the disk is broken.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

 private:
  fs::path folder_;
  std::string hint_;
  int descriptor_ = -1;
};

/// A fixed number of bytes that are written and read at any place, in memory (which is taken as it
/// is written) or in a temporary file.
class ScratchSpace {
 public:
  static ScratchSpace in_memory(std::uint64_t bytes);
  /// In a temporary file in `folder`. Where the file system can, the space is allocated at once, so
  /// that a disk with too little space is a failure here, which names the folder.
  static ScratchSpace on_disk(const fs::path& folder, std::uint64_t bytes);

  /// A failure beyond the end, or when the disk is full or broken.
  void write(std::uint64_t begin, std::span<const std::byte> bytes);
  /// A failure beyond the end, or when the disk is broken.
  void read(std::uint64_t begin, std::span<std::byte> bytes) const;

  bool is_on_disk() const { return file_.has_value(); }

 private:
  explicit ScratchSpace(std::uint64_t bytes) : size_(bytes) {}
  void check(std::uint64_t begin, std::size_t count) const;

  std::uint64_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_;  // or
  std::optional<TemporaryFile> file_;
};

/// The folder for temporary files that may become large: TMPDIR, else /var/tmp because /tmp is
/// often in memory, else the system's folder for temporary files.
fs::path spill_folder();

/// A new folder in spill_folder() that is removed with the object; only this user can look into it.
class TemporaryFolder {
 public:
  /// A failure that names the folder it would be in.
  TemporaryFolder();
  ~TemporaryFolder() { remove(); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const { return path_; }
  /// Removes it at once. May be called by another thread.
  void remove() const;

 private:
  fs::path path_;
};

/// Bytes that are appended, and read at any place. They are kept in memory up to a limit, and
/// beyond it in a temporary file. Several threads may read at once.
class SpillBuffer {
 public:
  /// `memory_limit`: bytes. An empty `folder` stands for spill_folder().
  explicit SpillBuffer(std::size_t memory_limit, fs::path folder = {});
  SpillBuffer(SpillBuffer&& other) noexcept;
  SpillBuffer& operator=(SpillBuffer&& other) noexcept;

  /// A failure that names the folder when the file cannot be created or written, as on a full disk.
  void append(std::span<const std::byte> bytes);
  /// Copies the bytes from `begin` on. A failure beyond the end, or when the disk is broken.
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
  std::uint64_t written_ = 0;                         // bytes in the file: the first ones
  std::size_t held_ = 0;                              // bytes in the pieces: the rest
  std::vector<std::unique_ptr<std::byte[]>> pieces_;  // kPiece bytes each
};

}  // namespace expandft
