#include "base/partial_path.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace expandft;
using namespace expandft::testing;

namespace {

/// Leaves a folder at a partial path of `target`, as a killed process does; with `aside`, an old
/// target that was renamed aside.
fs::path left_by_dead_process(const fs::path& target, bool aside = false) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const PartialPath place(target);
    const std::string name = place.path().string() + (aside ? ".old" : "");
    fs::create_directory(name);
    const bool is_told = ::write(ends[1], name.data(), name.size()) > 0;
    ::_exit(is_told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string name(4096, 0);
  const ssize_t size = ::read(ends[0], name.data(), name.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  REQUIRE(size > 0);
  return name.substr(0, static_cast<std::size_t>(size));
}

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("Leftovers of ended processes are removed, those of living ones stay", "[partial_path]") {
  const TempDirectory directory;
  const fs::path target = directory / "a", dead = left_by_dead_process(target);
  REQUIRE(fs::exists(dead));
  const PartialPath living(target);
  fs::create_directory(living.path());
  CHECK(remove_dead_partials(directory / "b").empty());
  CHECK(fs::exists(dead));
  CHECK(remove_dead_partials(target).empty());
  CHECK_FALSE(fs::exists(dead));
  CHECK(fs::exists(living.path()));
  CHECK(entries_in(directory.path()) == 2);  // the living process's folder and lock
}

TEST_CASE("A process of another host or container keeps what it prepares", "[partial_path]") {
  const TempDirectory directory;
  // No process here has this number; the holder of the lock may be anywhere.
  const fs::path place = directory / ".a.partial-999999999-1", lock = place.string() + ".lock";
  fs::create_directory(place);
  const int descriptor = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  REQUIRE(::flock(descriptor, LOCK_EX) == 0);
  CHECK(remove_dead_partials(directory / "a").empty());
  CHECK(fs::exists(place));
  ::close(descriptor);
  CHECK(remove_dead_partials(directory / "a").empty());
  CHECK(entries_in(directory.path()) == 0);
}

TEST_CASE("A path without a lock stays, and is named", "[partial_path]") {
  const TempDirectory directory;
  for (const char* name :
       {".a.partial-1-1", ".a.partial-2-7.old", ".a.partial-x", ".b.partial-1-1"}) {
    fs::create_directory(directory / name);
  }
  CHECK(remove_dead_partials(directory / "a") ==
        std::vector<fs::path>{directory / ".a.partial-1-1", directory / ".a.partial-2-7"});
  CHECK(entries_in(directory.path()) == 4);
}

TEST_CASE("A lock file alone, left between two removals, is removed too", "[partial_path]") {
  const TempDirectory directory;
  fs::remove(left_by_dead_process(directory / "a"));
  CHECK(entries_in(directory.path()) == 1);
  CHECK(remove_dead_partials(directory / "a").empty());
  CHECK(entries_in(directory.path()) == 0);
}

TEST_CASE("What could not be removed keeps its lock file, and is removed next time",
          "[partial_path]") {
  const TempDirectory directory;
  {
    const PartialPath place(directory / "a");
    fs::create_directory(place.path());
  }
  CHECK(entries_in(directory.path()) == 2);
  CHECK(remove_dead_partials(directory / "a").empty());
  CHECK(entries_in(directory.path()) == 0);
}

TEST_CASE("An old target that was renamed aside is restored", "[partial_path]") {
  const TempDirectory directory;
  const fs::path aside = left_by_dead_process(directory / "a", /*aside=*/true);
  write_file_atomically(aside / "kept", "x");
  remove_dead_partials(directory / "a");
  CHECK(read_file(directory / "a" / "kept") == "x");
  const fs::path later = left_by_dead_process(directory / "a", /*aside=*/true);
  remove_dead_partials(directory / "a");
  CHECK_FALSE(fs::exists(later));
  CHECK(fs::exists(directory / "a" / "kept"));
}

TEST_CASE("Partial paths of one target differ, and leave nothing", "[partial_path]") {
  const TempDirectory directory;
  {
    const PartialPath one(directory / "a"), other(directory / "a");
    CHECK(one.path() != other.path());
    CHECK(entries_in(directory.path()) == 2);
  }
  CHECK(entries_in(directory.path()) == 0);
}
