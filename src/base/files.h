#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace expandft {

namespace fs = std::filesystem;

/// A whole file's bytes. An input error when it is missing or a directory, or with the system's
/// reason.
std::string read_file(const fs::path& file);

/// A file that is read front to back, piece by piece. Errors as in read_file.
class InputFile {
 public:
  explicit InputFile(fs::path file);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Copies the next bytes to the start of the buffer. Returns how many: 0 at the end.
  std::size_t read(std::span<char> buffer);
  /// Of a regular file; 0 for a pipe or a device.
  std::size_t size() const { return size_; }

 private:
  fs::path path_;
  int descriptor_;
  std::size_t size_ = 0;
};

/// A read-only map of a regular file. The bytes stay valid while the object lives. An empty file
/// gives an empty span. Errors as in read_file; a pipe or device is an input error too.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const fs::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const fs::path& path() const { return path_; }
  /// Removes bytes that are not needed soon, and perhaps their neighbours, from this process's
  /// memory. They stay valid: when read again they come from the system's cache or the disk.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(fs::path path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}
  fs::path path_;
  std::span<const std::byte> bytes_;
};

/// A new file that is written front to back. An error of the system (a full disk, a folder without
/// write permission) is a failure that names the file and the byte reached. The bytes of a large
/// file go to the disk while it is written, which keeps the final wait short.
class OutputFile {
 public:
  /// Creates the file, or empties it.
  explicit OutputFile(fs::path file);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Writes bytes of a mapped file. A failure that names that file when it has become shorter.
  void copy(const MappedFile& from, std::span<const std::byte> bytes);
  /// Allocates the file's bytes where the file system can, so that a full disk is a failure before
  /// anything is written.
  void reserve(std::uint64_t bytes);
  /// Waits until the bytes are on the disk, and closes.
  void sync_and_close();
  /// Closes without waiting. Only sync_file, or an AtomicDirectory's commit, ensures that the bytes
  /// are on the disk.
  void close();

 private:
  int put(std::span<const std::byte> bytes);  // the error number; 0 when all is written
  void check(int error) const;
  void start_writeback();

  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t written_ = 0, started_ = 0;  // bytes given to the system, and sent to the disk
};

/// Writes a file completely or not at all: to a partial path beside it, which is synced and
/// renamed. Errors of the system are failures that name the file. A device or pipe is written
/// directly.
void write_file_atomically(const fs::path& file, std::string_view bytes);

/// Waits until a file's bytes are on the disk.
void sync_file(const fs::path& file);
/// Waits until the names in a folder (created, renamed, removed) are on the disk.
void sync_directory(const fs::path& directory);

/// What is at a path, links followed. A path that cannot be examined counts as missing.
bool is_there(const fs::path& path);
bool is_file(const fs::path& path);
bool is_folder(const fs::path& path);
/// Whether `path` is `directory` or inside it, links resolved.
bool contains(const fs::path& directory, const fs::path& path);

/// The folder that contains a path; "." for a bare name.
fs::path parent_of(const fs::path& path);
/// The path without a trailing separator, so that it has a file name.
fs::path without_trailing_separator(const fs::path& path);

}  // namespace expandft
