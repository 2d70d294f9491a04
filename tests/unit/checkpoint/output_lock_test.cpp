#include "checkpoint/output_lock.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <atomic>
#include <thread>
#include <unistd.h>
#include <vector>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

TEST_CASE("an output is locked once, and the holder is named") {
  const TempDirectory folder;
  const fs::path target = folder / "run";
  {
    const OutputLock lock(target);
    CHECK_FALSE(lock.dead_holder());
    CHECK(fs::exists(lock_file(target)));
    CHECK(lock_file(target) == folder / ".run.lock");
    for (const fs::path& same : {target, folder / "run/"}) {
      const Error error = error_of([&] { OutputLock again(same); });
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(has(error.message(), "process " + std::to_string(getpid()) + " on "));
      CHECK(has(error.message(), " UTC"));
      CHECK(error.where() == same.string());
    }
    const OutputLock other(folder / "other");
  }
  CHECK(fs::is_empty(folder.path()));
  const OutputLock again(target);
}

TEST_CASE("the holder of an output is reported, without changing anything") {
  const TempDirectory folder;
  const fs::path target = folder / "run";
  CHECK_FALSE(lock_holder(target));
  CHECK_FALSE(fs::exists(lock_file(target)));
  {
    const OutputLock lock(target);
    const std::optional<std::string> holder = lock_holder(target);
    REQUIRE(holder);
    CHECK(has(*holder, "process " + std::to_string(getpid()) + " on "));
  }
  write_file_atomically(lock_file(target), "process 42 on node-a, since long ago");
  CHECK_FALSE(lock_holder(target));  // dead
}

TEST_CASE("the lock file of a dead process is taken over, whatever it contains") {
  const TempDirectory folder;
  const fs::path target = folder / "run";
  const std::string name = "process 42 on node-a, since 2026-01-31 12:00:00 UTC";
  const std::vector<std::string> lefts{name, "", "\x01\x02", std::string(10000, 'x')};
  for (const std::string& left : lefts) {
    write_file_atomically(lock_file(target), left);
    const OutputLock lock(target);
    CHECK(lock.dead_holder() == (left == name ? std::optional(name) : std::nullopt));
    CHECK(has(error_of([&] { OutputLock again(target); }).message(), std::to_string(getpid())));
  }
}

TEST_CASE("parents created for a lock are removed with it, unless they hold something") {
  const TempDirectory folder;
  const fs::path parent = folder / "a" / "b";
  { const OutputLock lock(parent / "run"); }
  CHECK(fs::is_empty(folder.path()));
  {
    const OutputLock lock(parent / "run");
    fs::create_directory(parent / "run");
  }
  CHECK(fs::is_directory(parent / "run"));
}

TEST_CASE("a directory and a link to it share one lock") {
  const TempDirectory folder;
  fs::create_directories(folder / "disk" / "run");
  fs::create_symlink("disk/run", folder / "link");
  const OutputLock lock(folder / "link");
  CHECK(fs::exists(lock_file(folder / "disk" / "run")));
  const Error error = error_of([&] { OutputLock again(folder / "disk" / "run"); });
  CHECK(has(error.message(), "another run is writing here"));
}

TEST_CASE("where no lock file can be written, none is held, and that is not an error") {
  const TempDirectory folder;
  write_file_atomically(folder / "file", "");
  const OutputLock lock(folder / "file" / "run");
  const OutputLock again(folder / "file" / "run");
  fs::create_symlink("elsewhere", lock_file(folder / "run"));  // must not be followed
  const OutputLock linked(folder / "run");
  CHECK_FALSE(fs::exists(folder / "elsewhere"));
}

TEST_CASE("of many threads, only one at a time has the lock") {
  const TempDirectory folder;
  std::atomic<int> holders = 0, most = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        try {
          const OutputLock lock(folder / "run");
          const int now = ++holders;
          if (now > most) most = now;
          ++taken;
          std::this_thread::yield();
          --holders;
        } catch (const Error&) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 1);
  CHECK(taken > 0);
}

}  // namespace
}  // namespace expandft
