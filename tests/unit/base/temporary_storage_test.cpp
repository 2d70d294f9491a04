#include "base/temporary_storage.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <random>
#include <sys/resource.h>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

std::vector<std::byte> numbers(std::size_t count) {
  std::mt19937 random(3);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

void append_in_parts(const std::vector<std::byte>& bytes, SpillBuffer& buffer) {
  std::mt19937 random(4);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t count = std::min<std::size_t>(random() % 300000, bytes.size() - at);
    buffer.append(std::span(bytes).subspan(at, count));
    at += count;
  }
}

bool reads_as(const SpillBuffer& buffer, const std::vector<std::byte>& bytes) {
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    const std::size_t begin = random() % bytes.size();
    std::vector<std::byte> part(random() % (bytes.size() - begin + 1));
    buffer.read(begin, part);
    if (!std::equal(part.begin(), part.end(), bytes.begin() + static_cast<long>(begin)))
      return false;
  }
  return true;
}

/// No file of this process can grow beyond `bytes`, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_CASE("a spill buffer reads what was appended, in memory and beyond its limit") {
  const TempDirectory directory;
  const auto bytes = numbers(5'000'000);
  const std::size_t limit = GENERATE(0u, 1000u, 1u << 20, 3'000'000u, 5'000'000u, 1u << 30);
  CAPTURE(limit);
  SpillBuffer buffer(limit, directory.path());
  append_in_parts(bytes, buffer);
  CHECK(buffer.size() == bytes.size());
  CHECK((buffer.bytes_on_disk() > 0) == (limit < bytes.size()));
  CHECK(buffer.size() - buffer.bytes_on_disk() <= std::max<std::size_t>(limit, 1u << 20));
  CHECK(reads_as(buffer, bytes));
  CHECK(fs::is_empty(directory.path()));  // the file has no name

  SpillBuffer moved = std::move(buffer);
  append_in_parts(bytes, moved);
  CHECK(moved.size() == 2 * bytes.size());
  CHECK(reads_as(moved, bytes));
  moved = SpillBuffer(1000, directory.path());
  CHECK(moved.size() == 0);
}

TEST_CASE("reading beyond the end of a spill buffer is a failure") {
  const TempDirectory directory;
  SpillBuffer buffer(1000, directory.path());
  buffer.append(numbers(3'000'000));
  std::vector<std::byte> two(2);
  buffer.read(2'999'998, two);
  CHECK(error_of([&] { buffer.read(2'999'999, two); }).code() == ExitCode::kFailed);
  CHECK(error_of([&] { buffer.read(~std::uint64_t{0}, two); }).code() == ExitCode::kFailed);
}

TEST_CASE("a spill buffer on a full disk names the folder and gives a hint") {
  const TempDirectory directory;
  SpillBuffer nowhere(0, directory.path() / "none");
  const auto bytes = numbers(3 << 20);
  const Error missing = error_of([&] { append_in_parts(bytes, nowhere); });
  CHECK(missing.code() == ExitCode::kFailed);
  CHECK(missing.where() == (directory.path() / "none").string());
  CHECK_THAT(missing.message(), has_text("cannot create a temporary file"));

  SpillBuffer full(0, directory.path());
  const FileSizeLimit limit(1'500'000);
  const Error error = error_of([&] { append_in_parts(bytes, full); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(error.where() == directory.path().string());
  CHECK_THAT(error.message(), has_text("cannot write a temporary file"));
  CHECK_THAT(error.hint(), has_text("TMPDIR"));
}

TEST_CASE("TMPDIR names the folder of spill buffers") {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/some/folder", 1);
  CHECK(spill_folder() == "/some/folder");
  ::unsetenv("TMPDIR");
  CHECK(is_folder(spill_folder()));
  if (before != nullptr) ::setenv("TMPDIR", kept.c_str(), 1);
}

std::vector<std::byte> filled(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

TEST_CASE("scratch space gives back what was written at any place, in memory and on the disk") {
  const TempDirectory folder;
  const bool on_disk = GENERATE(false, true);
  ScratchSpace space =
      on_disk ? ScratchSpace::on_disk(folder.path(), 100'000) : ScratchSpace::in_memory(100'000);
  CHECK(space.is_on_disk() == on_disk);
  CHECK(fs::is_empty(folder.path()));  // the file has no name
  space.write(99'000, filled(1'000, 1));
  space.write(0, filled(500, 2));
  space.write(250, filled(500, 3));
  ScratchSpace moved = std::move(space);
  std::vector<std::byte> bytes(750);
  moved.read(0, bytes);
  CHECK(std::memcmp(bytes.data(), filled(250, 2).data(), 250) == 0);
  CHECK(std::memcmp(bytes.data() + 250, filled(500, 3).data(), 500) == 0);
  moved.read(99'250, bytes);
  CHECK(bytes == filled(750, 1));

  CHECK(has(error_of([&] { moved.write(99'999, filled(2, 0)); }).message(), "100000"));
  CHECK_THROWS_AS(moved.read(100'001, std::span<std::byte>()), Error);
}

TEST_CASE("scratch space on a full disk is a failure that names the folder") {
  const TempDirectory folder;
  const Error full =
      error_of([&] { ScratchSpace::on_disk(folder.path(), std::uint64_t{1} << 62); });
  CHECK(full.code() == ExitCode::kFailed);
  CHECK(full.where() == folder.path().string());
  CHECK(has(full.message(), "no room"));
  CHECK(fs::is_empty(folder.path()));
  const Error missing = error_of([&] { ScratchSpace::on_disk(folder / "missing", 1); });
  CHECK(missing.where() == (folder / "missing").string());
}

}  // namespace
}  // namespace expandft
