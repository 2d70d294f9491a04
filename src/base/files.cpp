#include "base/files.h"

#include "base/error.h"
#include "base/partial_path.h"
#include "base/wording.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int take() { return std::exchange(value_, -1); }

 private:
  int value_;
};

int open_to_read(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) return descriptor;
  if (errno == ENOENT) throw input_error("no such file", file.string(), "check the path");
  throw input_error("cannot open the file: " + system_message(errno), file.string());
}

struct stat status_of(const Descriptor& descriptor, const fs::path& file) {
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) {
    throw input_error("cannot read the file: " + system_message(errno), file.string());
  }
  if (S_ISDIR(status.st_mode))
    throw input_error("found a directory, expected a file", file.string());
  return status;
}

/// Renaming over a device, or over a link such as /dev/stdout, would destroy it.
bool is_written_directly(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return false;
  if (S_ISDIR(status.st_mode))
    throw input_error("found a directory, expected a file", file.string());
  return !S_ISREG(status.st_mode) || file.parent_path() == "/dev";
}

}  // namespace

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool contains(const fs::path& directory, const fs::path& path) {
  std::error_code error;
  for (fs::path at = fs::weakly_canonical(path, error); !error; at = at.parent_path()) {
    if (fs::equivalent(at, directory, error)) return true;
    error.clear();
    if (at == at.parent_path()) return false;
  }
  return false;
}

InputFile::InputFile(fs::path file) : path_(std::move(file)), descriptor_(-1) {
  Descriptor descriptor(open_to_read(path_));
  const struct stat status = status_of(descriptor, path_);
  if (S_ISREG(status.st_mode)) size_ = static_cast<std::size_t>(status.st_size);
  descriptor_ = descriptor.take();
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

std::size_t InputFile::read(std::span<char> buffer) {
  for (;;) {
    const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) {
      throw input_error("cannot read the file: " + system_message(errno), path_.string());
    }
  }
}

std::string read_file(const fs::path& file) {
  InputFile input(file);
  std::string bytes;
  bytes.reserve(input.size());
  std::array<char, 1 << 16> buffer;
  while (const std::size_t count = input.read(buffer)) bytes.append(buffer.data(), count);
  return bytes;
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& file) {
  // Checked before opening, because opening a pipe waits for its writer.
  struct stat before {};
  if (::stat(file.c_str(), &before) == 0 && !S_ISREG(before.st_mode) && !S_ISDIR(before.st_mode)) {
    throw input_error("found a device or pipe, expected a regular file", file.string());
  }
  const Descriptor descriptor(open_to_read(file));
  const auto size = static_cast<std::size_t>(status_of(descriptor, file).st_size);
  std::span<const std::byte> bytes;
  if (size > 0) {
    void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (start == MAP_FAILED)
      throw failure("cannot map the file: " + system_message(errno), file.string());
    bytes = {static_cast<const std::byte*>(start), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(file, bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (part.empty()) return;
  // A page fault may map all that one page table covers (2 MB with pages of 4 KB), including
  // neighbours that were released before. So they are released with the part.
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  static const std::uintptr_t reach = page * (page / sizeof(void*));
  const auto start = reinterpret_cast<std::uintptr_t>(bytes_.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t first = std::max(begin / reach * reach, start);
  const std::uintptr_t last =
      std::min((begin + part.size() + reach - 1) / reach * reach, start + bytes_.size());
  // Only advice: a system that ignores it keeps the pages.
  ::madvise(const_cast<std::byte*>(bytes_.data()) + (first - start), last - first, MADV_DONTNEED);
}

OutputFile::OutputFile(fs::path file) : path_(std::move(file)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw failure("cannot create the file: " + system_message(errno), path_.string(),
                  "check that the folder exists and can be written");
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::check(int error) const {
  if (error == 0) return;
  const bool full = error == ENOSPC || error == EDQUOT;
  throw failure(
      "cannot write beyond byte " + std::to_string(written_) + ": " + system_message(error),
      path_.string(), full ? "free some space, or choose another output" : "");
}

int OutputFile::put(std::span<const std::byte> bytes) {
  constexpr std::size_t kPiece = 16u << 20;
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kPiece));
    if (count < 0) {
      if (errno != EINTR) return errno;
      continue;
    }
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    if (written_ - started_ >= kPiece) start_writeback();
  }
  return 0;
}

void OutputFile::write(std::span<const std::byte> bytes) {
  check(put(bytes));
}

void OutputFile::copy(const MappedFile& from, std::span<const std::byte> bytes) {
  const int error = put(bytes);
  if (error == EFAULT) {  // the file has no such page any more
    throw failure("the file became shorter while it was read, or its disk failed",
                  from.path().string(), "restore the file and run the command again");
  }
  check(error);
}

void OutputFile::start_writeback() {
  // Without this the system may hold gigabytes back until the sync. Errors, and files that cannot
  // be synced, are reported by sync_and_close.
  ::sync_file_range(descriptor_, static_cast<off64_t>(started_),
                    static_cast<off64_t>(written_ - started_), SYNC_FILE_RANGE_WRITE);
  started_ = written_;
}

void OutputFile::reserve(std::uint64_t bytes) {
  if (bytes == 0) return;
  while (::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) check(errno);
    return;  // not every file system can allocate
  }
}

void OutputFile::sync_and_close() {
  // Pipes and terminals cannot be synced (EINVAL) and need not be.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
    throw failure("cannot sync the file to the disk: " + system_message(errno), path_.string());
  }
  close();
}

void OutputFile::close() {
  start_writeback();
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    throw failure("cannot close the file: " + system_message(errno), path_.string());
  }
}

void write_file_atomically(const fs::path& file, std::string_view bytes) {
  if (is_written_directly(file)) {
    OutputFile output(file);
    output.write(bytes);
    output.sync_and_close();
    return;
  }
  remove_dead_partials(file);
  const PartialPath place(file);
  const fs::path& partial = place.path();
  try {
    OutputFile output(partial);
    output.write(bytes);
    output.sync_and_close();
    std::error_code error;
    fs::rename(partial, file, error);
    if (error)
      throw failure("cannot rename " + partial.string() + ": " + error.message(), file.string());
  } catch (const Error& error) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    if (error.where() != partial.string()) throw;
    throw Error(error.code(), error.message(), file.string(), error.hint());
  }
  sync_directory(parent_of(file));
}

fs::path parent_of(const fs::path& path) {
  const fs::path parent = without_trailing_separator(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

fs::path without_trailing_separator(const fs::path& path) {
  return path.has_filename() || !path.has_parent_path() || path == path.root_path()
             ? path
             : path.parent_path();
}

void sync_file(const fs::path& file) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) {
    throw failure("cannot sync the file to the disk: " + system_message(errno), file.string());
  }
}

void sync_directory(const fs::path& directory) {
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some network file systems cannot sync a folder (EINVAL).
  if (descriptor.get() < 0 || (::fsync(descriptor.get()) != 0 && errno != EINVAL)) {
    throw failure("cannot sync the folder to the disk: " + system_message(errno),
                  directory.string());
  }
}

}  // namespace expandft
