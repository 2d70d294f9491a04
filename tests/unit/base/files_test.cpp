#include "base/files.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <signal.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace expandft;
using expandft::testing::count_entries;
using expandft::testing::error_of;
using expandft::testing::has;
using expandft::testing::TempDirectory;

namespace {

/// While the object lives no file can grow beyond `bytes`: writing fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  sighandler_t handler_;
};

/// Bytes of mapped files that this process holds in memory.
std::size_t resident_file_bytes() {
  std::istringstream numbers(read_file("/proc/self/statm"));
  std::size_t total = 0, resident = 0, shared = 0;  // pages; shared: those of files
  numbers >> total >> resident >> shared;
  return shared * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("A file is written, and read and mapped with the same bytes", "[files]") {
  const TempDirectory directory;
  const fs::path file = directory / "a.txt";
  for (const std::string& text :
       {std::string(), std::string("x\0y", 3), std::string(300000, 'z')}) {
    write_file_atomically(file, text);
    CHECK(read_file(file) == text);
    const auto mapped = MappedFile::open(file);
    CHECK(mapped->path() == file);
    CHECK(std::string(reinterpret_cast<const char*>(mapped->bytes().data()),
                      mapped->bytes().size()) == text);
  }
  CHECK(count_entries(directory.path()) == 1);
}

TEST_CASE("A map outlives the file's replacement", "[files]") {
  const TempDirectory directory;
  write_file_atomically(directory / "a", "old");
  const auto mapped = MappedFile::open(directory / "a");
  write_file_atomically(directory / "a", "new");
  CHECK(static_cast<char>(mapped->bytes()[0]) == 'o');
  CHECK(read_file(directory / "a") == "new");
}

TEST_CASE("An unreadable file is an input error that names it", "[files]") {
  const TempDirectory directory;
  const auto check = [&](const fs::path& file, const std::string& what) {
    for (const Error& error :
         {error_of([&] { read_file(file); }), error_of([&] { MappedFile::open(file); })}) {
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(error.where() == file.string());
      CHECK(has(error.message(), what));
    }
  };
  check(directory / "none", "no such file");
  check(directory.path(), "found a directory, expected a file");
  write_file_atomically(directory / "plain", "x");
  check(directory / "plain/below", "cannot open");
  fs::create_symlink("nowhere", directory / "link");
  check(directory / "link", "no such file");
}

TEST_CASE("A pipe can be read but not mapped", "[files]") {
  const TempDirectory directory;
  const fs::path pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(has(error_of([&] { MappedFile::open(pipe); }).message(), "device or pipe"));
  std::thread writer([&] { write_file_atomically(pipe, "through"); });
  const std::string text = read_file(pipe);
  writer.join();
  CHECK(text == "through");
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("A device is written directly, never replaced", "[files]") {
  write_file_atomically("/dev/null", "gone");
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("A failure to write names the file", "[files]") {
  const TempDirectory directory;
  const Error missing = error_of([&] { write_file_atomically(directory / "none/a", "x"); });
  CHECK(missing.code() == ExitCode::kFailed);
  CHECK(has(missing.where(), "none/"));
  CHECK(has(missing.message(), "cannot create"));
  CHECK(has(error_of([&] { write_file_atomically(directory.path(), "x"); }).message(),
            "found a directory"));
}

TEST_CASE("On a full disk the old file stays and nothing else is left", "[files]") {
  const TempDirectory directory;
  write_file_atomically(directory / "a", "old");
  {
    const FileSizeLimit limit(1000);
    const Error error =
        error_of([&] { write_file_atomically(directory / "a", std::string(5000, 'x')); });
    CHECK(error.code() == ExitCode::kFailed);
    CHECK(has(error.message(), "cannot write beyond byte 1000"));
  }
  CHECK(read_file(directory / "a") == "old");
  CHECK(count_entries(directory.path()) == 1);
}

TEST_CASE("/dev/full is a full disk", "[files]") {
  if (!fs::exists("/dev/full")) return;
  const Error error = error_of([] { write_file_atomically("/dev/full", "x"); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(error.where() == "/dev/full");
  CHECK(has(error.hint(), "free some space"));
}

TEST_CASE("Parents of paths", "[files]") {
  CHECK(parent_of("a") == ".");
  CHECK(parent_of("a/") == ".");
  CHECK(parent_of("a/b/") == "a");
  CHECK(parent_of("/a") == "/");
  CHECK(parent_of("/") == "/");
  CHECK(without_trailing_separator("a/b/") == "a/b");
  CHECK(without_trailing_separator("/") == "/");
}

TEST_CASE("The kind of a path is found without exceptions", "[files]") {
  const TempDirectory directory;
  write_file_atomically(directory / "file", "x");
  fs::create_symlink("nowhere", directory / "dangling");
  CHECK((is_there(directory / "file") && is_file(directory / "file")));
  CHECK_FALSE(is_folder(directory / "file"));
  CHECK((is_there(directory.path()) && is_folder(directory.path())));
  CHECK_FALSE(is_file(directory.path()));
  for (const fs::path& path :
       {directory / "none", directory / "file/below", directory / "dangling",
        directory / std::string(300, 'a'), fs::path(std::string(5000, 'a')), fs::path()}) {
    CHECK_FALSE(is_there(path));
    CHECK_FALSE(is_file(path));
    CHECK_FALSE(is_folder(path));
  }
}

TEST_CASE("Whether a directory contains a path is decided with links resolved", "[files]") {
  const TempDirectory directory;
  fs::create_directories(directory / "a/b");
  fs::create_directories(directory / "ab");
  fs::create_directory_symlink(directory / "a", directory / "link");
  CHECK(contains(directory / "a", directory / "a"));
  CHECK(contains(directory / "a", directory / "a/b/new/deep"));
  CHECK(contains(directory / "a/b/..", directory / "link/b"));
  CHECK(contains(directory / "link", directory / "a/"));
  CHECK_FALSE(contains(directory / "a", directory / "ab"));
  CHECK_FALSE(contains(directory / "a/b", directory / "a"));
  CHECK_FALSE(contains(directory / "none", directory / "none/below"));
}

TEST_CASE("Released bytes leave the memory, and come back when they are read", "[files]") {
  const TempDirectory directory;
  const fs::path file = directory / "a";
  constexpr std::size_t kBytes = 32u << 20;
  write_file_atomically(file, std::string(kBytes, 'x'));
  const auto map = MappedFile::open(file);
  const auto sum = [](std::span<const std::byte> bytes) {
    return std::accumulate(
        bytes.begin(), bytes.end(), std::uint64_t{0},
        [](std::uint64_t all, std::byte b) { return all + std::to_integer<std::uint64_t>(b); });
  };
  CHECK(sum(map->bytes()) == kBytes * 'x');
  const std::size_t full = resident_file_bytes();
  map->release(map->bytes().subspan(100, kBytes / 2));  // starts and ends inside of pages
  const std::size_t half = resident_file_bytes();
  CHECK(half + kBytes / 2 - (1 << 20) < full);
  CHECK(sum(map->bytes()) == kBytes * 'x');
  map->release(map->bytes().subspan(5, 10));
  map->release({map->bytes().data(), 0});
  CHECK(sum(map->bytes()) == kBytes * 'x');
}

TEST_CASE("Reading piece by piece takes the memory of a few pieces, in any order", "[files]") {
  const TempDirectory directory;
  constexpr std::size_t kBytes = 64u << 20, kPiece = 100000;
  // The system often caches a file in blocks of the size in which it was written, and a fault may
  // map a whole block.
  const std::string part(256u << 10, 'x');
  std::ofstream file(directory / "a", std::ios::binary);
  for (std::size_t done = 0; done < kBytes; done += part.size()) file << part;
  file.close();
  const auto map = MappedFile::open(directory / "a");
  std::vector<std::size_t> begins;
  for (std::size_t begin = 0; begin < kBytes; begin += kPiece) begins.push_back(begin);
  std::ranges::shuffle(begins,
                       std::mt19937(1));  // so that the neighbours of a piece were released
  const std::size_t before = resident_file_bytes();
  std::size_t most = 0;
  for (const std::size_t begin : begins) {
    const auto piece = map->bytes().subspan(begin, std::min(kPiece, kBytes - begin));
    CHECK(std::ranges::count(piece, std::byte{'x'}) == std::ssize(piece));
    map->release(piece);
    most = std::max(most, resident_file_bytes());
  }
  CHECK(most < before + (4u << 20));
}

TEST_CASE("A large file has the bytes written, with or without reserving its space", "[files]") {
  const TempDirectory directory;
  std::string bytes(40u << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); i += 997) bytes[i] = static_cast<char>(i % 251);
  for (const std::uint64_t room :
       {std::uint64_t{0}, std::uint64_t{bytes.size()}, std::uint64_t{64u << 20}}) {
    OutputFile output(directory / "a");
    output.reserve(room);
    output.write(std::string_view(bytes).substr(0, 100));
    output.write(std::string_view(bytes).substr(100));
    output.sync_and_close();
    CHECK(read_file(directory / "a") == bytes);
  }
}

TEST_CASE("A mapped file that becomes shorter while it is copied is named", "[files]") {
  const TempDirectory directory;
  const std::string bytes(1u << 16, 'x');
  write_file_atomically(directory / "from", bytes);
  const auto map = MappedFile::open(directory / "from");
  OutputFile whole(directory / "whole"), output(directory / "to");
  whole.copy(*map, map->bytes());
  whole.sync_and_close();
  CHECK(read_file(directory / "whole") == bytes);
  fs::resize_file(directory / "from", 100);  // the pages after the first are gone
  const Error error = error_of([&] { output.copy(*map, map->bytes().subspan(1u << 15)); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "became shorter"));
  CHECK(error.where() == (directory / "from").string());
}

TEST_CASE("Missing space is found before anything is written", "[files]") {
  const TempDirectory directory;
  OutputFile output(directory / "a");
  const Error error = error_of([&] { output.reserve(std::uint64_t{1} << 50); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "cannot write beyond byte 0"));
  CHECK(error.where() == (directory / "a").string());
  CHECK(fs::file_size(directory / "a") == 0);
}
