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

/// A read-only map of a file; the bytes stay valid as long as the object (or a copy of its
/// shared_ptr) lives. Empty files give an empty span.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const fs::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const fs::path& path() const { return path_; }

 private:
  MappedFile(fs::path path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}
  fs::path path_;
  std::span<const std::byte> bytes_;
};

/// Writes a file whole or not at all: beside, fsynced, renamed. A full disk or a folder that
/// cannot be written is a failure that names the file.
void write_file_atomically(const fs::path& file, std::string_view bytes);

}  // namespace expandft
