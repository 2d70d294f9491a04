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

/// Reads a whole file as bytes. Throws an input error that names a missing file, a directory in
/// place of a file, or the reason of the system.
std::string read_file(const fs::path& file);

/// A file read front to back, piece by piece. Throws as read_file does.
class InputFile {
 public:
  explicit InputFile(fs::path file);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Fills the beginning of the buffer with the next bytes and says how many: 0 at the end.
  std::size_t read(std::span<char> buffer);
  /// Of a regular file; 0 for a pipe or a device.
  std::size_t size() const { return size_; }

 private:
  fs::path path_;
  int descriptor_;
  std::size_t size_ = 0;
};

/// A read-only map of a file; the bytes stay valid as long as the object (or a copy of its
/// shared_ptr) lives. Empty files give an empty span. Throws as read_file does; what is not a
/// regular file (a pipe, a device) is an input error too.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const fs::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const fs::path& path() const { return path_; }
  /// Says that some of the bytes are not needed soon: they leave this process's memory, and their
  /// neighbours may go with them. They stay valid, and come back from the system's cache or the
  /// disk when they are read again.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(fs::path path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}
  fs::path path_;
  std::span<const std::byte> bytes_;
};

/// A new file written front to back. Every fault of the system (a full disk, a folder that cannot
/// be written) is a failure that names the file and says how far the writing came. A large file
/// goes to the disk while it is written, so that the last wait is short.
class OutputFile {
 public:
  /// Creates the file, or empties it.
  explicit OutputFile(fs::path file);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Writes bytes of a mapped file. One that became shorter meanwhile is a failure that names it.
  void copy(const MappedFile& from, std::span<const std::byte> bytes);
  /// Asks for the room that the file will take, where the file system can tell: a full disk is
  /// found before anything is written.
  void reserve(std::uint64_t bytes);
  /// Waits until the bytes are on the disk, and closes.
  void sync_and_close();
  /// Closes without waiting: the bytes are on their way to the disk, and only sync_file, or an
  /// AtomicDirectory's commit, tells that they came there.
  void close();

 private:
  int put(std::span<const std::byte> bytes);  // returns the error number, 0 when all is written
  void check(int error) const;
  void start_writeback();

  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t written_ = 0, started_ = 0;  // bytes given to the system, and sent to the disk
};

/// Writes a file whole or not at all: beside, fsynced, renamed. A full disk or a folder that
/// cannot be written is a failure that names the file. A device or pipe is written directly.
void write_file_atomically(const fs::path& file, std::string_view bytes);

/// Waits until a file's bytes are on the disk.
void sync_file(const fs::path& file);
/// Waits until the names in a folder (created, renamed, removed) are on the disk.
void sync_directory(const fs::path& directory);

/// What is at a path, links followed. What cannot be looked at counts as not there.
bool is_there(const fs::path& path);
bool is_file(const fs::path& path);
bool is_folder(const fs::path& path);
/// Whether `path` is `directory` or lies in it, also by way of links and of other names.
bool contains(const fs::path& directory, const fs::path& path);

/// The folder that a path lies in; "." for a bare name.
fs::path parent_of(const fs::path& path);
/// The path without a separator at its end, so that it has a file name.
fs::path without_trailing_separator(const fs::path& path);

}  // namespace expandft
