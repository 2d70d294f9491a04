#include "checkpoint/atomic_directory.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <atomic>
#include <limits>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace expandft;
using namespace expandft::testing;
using Existing = AtomicDirectory::Existing;
using enum OutputKind;

namespace {

constexpr Existing kAll[] = {Existing::kRefuse, Existing::kReplaceOurs};

void make(const fs::path& target, const std::string& text, Existing existing = Existing::kRefuse,
          OutputKind kind = kModel) {
  AtomicDirectory directory(target, 100, existing, kind);
  write_file_atomically(directory.path() / "a.txt", text);
  fs::create_directory(directory.path() / "sub");
  write_file_atomically(directory.path() / "sub/b.txt", text);
  directory.commit();
}

Error refusal(const fs::path& target, Existing existing, std::uint64_t needed_bytes = 1,
              OutputKind kind = kModel) {
  const Error early = error_of([&] { check_target(target, needed_bytes, existing, kind); });
  const Error late = error_of([&] { AtomicDirectory(target, needed_bytes, existing, kind); });
  CHECK(early.message() == late.message());
  CHECK(early.where() == late.where());
  return late;
}

}  // namespace

TEST_CASE("A directory appears at commit, with a marker", "[atomic_directory]") {
  const TempDirectory temp;
  const fs::path target = temp / "new/parents/out";
  {
    AtomicDirectory directory(target, 100, Existing::kRefuse, kModel);
    CHECK(directory.target() == target);
    CHECK(directory.path().parent_path() == target.parent_path());
    write_file_atomically(directory.path() / "a.txt", "x");
    CHECK_FALSE(fs::exists(target));
    directory.commit();
    CHECK(read_file(target / "a.txt") == "x");
  }
  CHECK(read_file(target / "a.txt") == "x");
  CHECK(is_ours(target, kModel));
  CHECK(count_entries(target.parent_path()) == 1);
}

TEST_CASE("Without commit nothing remains, and the previous directory stays",
          "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "out", "old");
  {
    AtomicDirectory directory(temp / "out", 100, Existing::kReplaceOurs, kModel);
    write_file_atomically(directory.path() / "a.txt", "new");
  }
  CHECK(read_file(temp / "out/a.txt") == "old");
  CHECK(count_entries(temp.path()) == 1);
}

TEST_CASE(
    "A discarded directory can no longer be written, and one that has appeared is not discarded",
    "[atomic_directory]") {
  const TempDirectory temp;
  AtomicDirectory discarded(temp / "made/out", 100, Existing::kRefuse, kModel);
  CHECK(discarded.discard());
  CHECK(count_entries(temp.path()) == 0);
  CHECK(error_of([&] { discarded.commit(); }).code() == ExitCode::kFailed);
  AtomicDirectory whole(temp / "out", 100, Existing::kRefuse, kModel);
  whole.commit();
  CHECK_FALSE(whole.discard());
  CHECK(is_ours(temp / "out", kModel));
}

TEST_CASE("Which targets may be replaced", "[atomic_directory]") {
  const TempDirectory temp;
  const fs::path target = temp / "out";
  SECTION("an empty directory is always replaced") {
    for (const Existing existing : kAll) {
      fs::remove_all(target);
      fs::create_directory(target);
      make(target, "new", existing);
      CHECK(read_file(target / "sub/b.txt") == "new");
    }
  }
  SECTION("a directory that expandft wrote") {
    make(target, "old");
    write_file_atomically(target / "extra", "x");
    const Error error = refusal(target, Existing::kRefuse);
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.message(), "found a model that expandft wrote"));
    CHECK(has(error.hint(), "--force"));
    CHECK(fs::exists(target / "extra"));
    make(target, "new", Existing::kReplaceOurs);
    CHECK(read_file(target / "a.txt") == "new");
    CHECK_FALSE(fs::exists(target / "extra"));
  }
  SECTION("other directories are never replaced") {
    fs::create_directory(target);
    write_file_atomically(target / "thesis.txt", "x");
    for (const Existing existing : kAll) {
      const Error error = refusal(target, existing);
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(has(error.message(), "did not write (thesis.txt)"));
      CHECK(has(error.hint(), "--force"));
      CHECK(read_file(target / "thesis.txt") == "x");
    }
  }
  SECTION("three of many files are named") {
    for (const char* const name : {"out/a", "out/b", "out/c", "out/d"})
      fs::create_directories(temp / name);
    CHECK(has(refusal(target, Existing::kRefuse).message(), ", …)"));
  }
  SECTION("a file is never replaced") {
    write_file_atomically(target, "x");
    for (const Existing existing : kAll) {
      const Error error = refusal(target, existing);
      CHECK(has(error.message(), "found a file"));
      CHECK(has(error.hint(), "--force"));
      CHECK(read_file(target) == "x");
    }
  }
  CHECK(count_entries(temp.path()) == 1);
}

TEST_CASE("A target that appears in the meantime is not overwritten", "[atomic_directory]") {
  const TempDirectory temp;
  AtomicDirectory directory(temp / "out", 1, Existing::kReplaceOurs, kModel);
  fs::create_directory(temp / "out");
  write_file_atomically(temp / "out/theirs", "x");
  CHECK(error_of([&] { directory.commit(); }).code() == ExitCode::kBadInput);
  CHECK(read_file(temp / "out/theirs") == "x");
}

TEST_CASE("Only a valid marker makes a directory replaceable", "[atomic_directory]") {
  const TempDirectory temp;
  CHECK_FALSE(is_ours(temp.path(), kModel));
  CHECK_FALSE(is_ours(temp / "none", kModel));
  for (const char* const text :
       {"", "{", "[]", R"({"written_by": 7, "kind": "model"})",
        R"({"written_by": "other", "kind": "model"})", R"({"written_by": "expandft"})",
        R"({"written_by": "expandft", "kind": 1})",
        R"({"written_by": "expandft", "kind": "thesis"})",
        R"({"written_by": "expandft", "kind": "run"})"}) {
    write_file_atomically(temp / ".expandft", text);
    CHECK_FALSE(is_ours(temp.path(), kModel));
  }
  write_file_atomically(temp / ".expandft", R"({"written_by": "expandft", "kind": "model"})");
  CHECK(is_ours(temp.path(), kModel));
  write_file_atomically(temp / ".expandft", R"({"written_by": "expandft", "kind": "model")" +
                                                std::string(10000, ' ') + "}");
  CHECK_FALSE(is_ours(temp.path(), kModel));
}

TEST_CASE("While a directory is replaced, a complete one exists at every instant",
          "[atomic_directory]") {
  const TempDirectory temp;
  const fs::path target = temp / "out";
  make(target, "0");
  std::atomic<bool> done = false;
  std::atomic<int> missing = 0;
  std::thread watcher([&] {
    while (!done) missing += ::access(target.c_str(), F_OK) != 0;
  });
  for (int i = 1; i <= 50; ++i) make(target, std::to_string(i), Existing::kReplaceOurs);
  done = true;
  watcher.join();
  CHECK(missing == 0);
  CHECK(read_file(target / "a.txt") == "50");
  CHECK(read_file(target / "sub/b.txt") == "50");
}

TEST_CASE(
    "A process killed while writing leaves the previous directory, and the next one cleans up",
    "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "out", "old");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicDirectory directory(temp / "out", 1, Existing::kReplaceOurs, kModel);
    write_file_atomically(directory.path() / "a.txt", "torn");
    (void)!::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  make(temp / "other", "x");
  CHECK(count_entries(temp.path()) == 4);  // work and lock of a running process stay
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(read_file(temp / "out/a.txt") == "old");
  CHECK(count_entries(temp.path()) == 4);
  make(temp / "out", "new", Existing::kReplaceOurs);
  CHECK(read_file(temp / "out/a.txt") == "new");
  CHECK(count_entries(temp.path()) == 2);
}

TEST_CASE("A disk without room is a failure that says how much is free", "[atomic_directory]") {
  const TempDirectory temp;
  const Error error =
      refusal(temp / "new/out", Existing::kRefuse, std::numeric_limits<std::uint64_t>::max());
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "free, expected"));
  CHECK_FALSE(fs::exists(temp / "new"));
}

TEST_CASE("A full file system is a failure and leaves no directory", "[atomic_directory]") {
  const TempDirectory temp;
  if (::mount("tmpfs", temp.path().c_str(), "tmpfs", 0, "size=20m") != 0) return;
  std::string message, hint;
  try {
    AtomicDirectory directory(temp / "out", 1000, Existing::kRefuse, kModel);
    write_file_atomically(directory.path() / "large", std::string(30 << 20, 'x'));
    directory.commit();
  } catch (const Error& error) {
    message = error.message();
    hint = error.hint();
  }
  const std::size_t entries = count_entries(temp.path());
  ::umount(temp.path().c_str());
  CHECK(has(message, "cannot write beyond byte"));
  CHECK(has(hint, "free some space"));
  CHECK(entries == 0);
}

TEST_CASE("A mount point is refused before work starts", "[atomic_directory]") {
  const TempDirectory temp;
  fs::create_directory(temp / "out");
  if (::mount("tmpfs", (temp / "out").c_str(), "tmpfs", 0, "size=256k") != 0) return;
  const Error error =
      error_of([&] { check_target(temp / "out", 1, Existing::kReplaceOurs, kModel); });
  ::umount((temp / "out").c_str());
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), "mount point"));
  CHECK(has(error.hint(), "out/"));
}

TEST_CASE("A parent that cannot be written is a failure", "[atomic_directory]") {
  const TempDirectory temp;
  fs::permissions(temp.path(), fs::perms{0555});
  // In a child process that is not root: permissions do not apply to root.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(9);
    try {
      check_target(temp / "out", 1, Existing::kRefuse, kModel);
    } catch (const Error& error) {
      ::_exit(has(error.message(), "cannot write in the folder") && error.where() == temp.path() &&
                      error.code() == ExitCode::kFailed
                  ? 0
                  : 1);
    }
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  fs::permissions(temp.path(), fs::perms::owner_all);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("Targets that do not name a directory are input errors", "[atomic_directory]") {
  const TempDirectory temp;
  for (const char* const name : {"", ".", "..", "/", "a/.."}) {
    CHECK(refusal(name, Existing::kReplaceOurs).code() == ExitCode::kBadInput);
  }
  write_file_atomically(temp / "file", "x");
  for (const Existing existing : kAll) {
    const Error error = refusal(temp / "file/out", existing);
    CHECK(error.code() == ExitCode::kBadInput);
  }
  CHECK(has(refusal(temp / "file/deep/out", Existing::kRefuse).message(), "file"));
}

TEST_CASE("A directory that holds the working directory is not replaced", "[atomic_directory]") {
  const TempDirectory temp;
  const fs::path before = fs::current_path();
  fs::create_directories(temp / "a/b");
  fs::current_path(temp / "a/b");
  const Error own = refusal(temp / "a/b", Existing::kReplaceOurs);
  const Error above = refusal(temp / "a", Existing::kReplaceOurs);
  fs::current_path(before);
  CHECK(own.code() == ExitCode::kBadInput);
  CHECK(has(own.message(), "working directory"));
  CHECK(has(above.message(), "working directory"));
}

TEST_CASE("A link's target is replaced, and the link stays", "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "real", "old");
  fs::create_directory_symlink("real", temp / "link");
  make(temp / "link/", "new", Existing::kReplaceOurs);
  CHECK(fs::is_symlink(temp / "link"));
  CHECK(read_file(temp / "real/a.txt") == "new");
  fs::create_symlink("nowhere", temp / "dangling");
  CHECK(has(refusal(temp / "dangling", Existing::kReplaceOurs).message(), "leads nowhere"));
}

TEST_CASE("A trailing slash changes nothing", "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "out/", "x");
  CHECK(read_file(temp / "out/a.txt") == "x");
}

TEST_CASE("Each kind of output replaces its own kind only", "[atomic_directory]") {
  const TempDirectory temp;
  constexpr OutputKind kKinds[] = {kRun, kModel, kAdapter, kSnapshot};
  for (const OutputKind there : kKinds) {
    for (const OutputKind wanted : kKinds) {
      fs::remove_all(temp / "out");
      make(temp / "out", "old", Existing::kRefuse, there);
      CHECK(is_ours(temp / "out", wanted) == (there == wanted));
      if (there == wanted) {
        make(temp / "out", "new", Existing::kReplaceOurs, wanted);
        CHECK(read_file(temp / "out/a.txt") == "new");
      } else {
        const Error error = refusal(temp / "out", Existing::kReplaceOurs, 1, wanted);
        CHECK(error.code() == ExitCode::kBadInput);
        CHECK(has(error.hint(), "--force") == (wanted == kModel));
        CHECK(read_file(temp / "out/a.txt") == "old");
      }
    }
  }
  fs::remove_all(temp / "out");
  make(temp / "out", "old", Existing::kRefuse, kRun);
  CHECK(has(refusal(temp / "out", Existing::kReplaceOurs).message(), "found a run that expandft"));
}

TEST_CASE("An output is never an input, nor contains or is inside one", "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "runs/model", "base");
  fs::create_directory_symlink(temp / "runs/model", temp / "link");
  fs::create_directory(temp / "out");
  fs::create_directory_symlink(temp / "runs/model", temp / "out/link");
  const fs::path model = temp / "runs/model";
  const auto check = [&](const fs::path& target, const fs::path& input, const char* message) {
    CAPTURE(target, input);
    for (const Existing existing : kAll) {
      const Error error = error_of([&] {
        check_model_target(target, 1, existing, {temp / "elsewhere", input});
      });
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(has(error.message(), message));
      CHECK(error.where() == target);
    }
  };
  check(model, model, "is or contains the input");
  check(temp / "runs", model, "is or contains the input");
  check(temp / "runs", model / "a.txt", "is or contains the input");
  check(temp / "out", temp / "out/link", "is or contains the input");
  check(model, temp / "link", "is or contains the input");
  check(model / "inside/deep", model, "is inside the input");
  check(model / "inside", temp / "link", "is inside the input");
  CHECK(read_file(model / "a.txt") == "base");
  CHECK_NOTHROW(check_model_target(temp / "runs/model2", 1, Existing::kRefuse, {model}));
}

TEST_CASE("A model is never written into a run directory", "[atomic_directory]") {
  const TempDirectory temp;
  make(temp / "marked", "run", Existing::kRefuse, kRun);
  make(temp / "marked/merged", "model");
  fs::create_directories(temp / "unmarked/checkpoints");
  write_file_atomically(temp / "unmarked/config.resolved.json", "{}");
  fs::create_directory_symlink("marked/merged", temp / "link");
  fs::create_directory_symlink("marked", temp / "alias");
  for (const char* const name :
       {"marked/merged", "marked/new", "marked/a/b/c", "unmarked/checkpoints/x", "link",
        "link/inside", "alias/new", "unmarked/../marked/new", "marked/none/../new"}) {
    for (const Existing existing : kAll) {
      const Error error = error_of([&] { check_model_target(temp / name, 1, existing, {}); });
      CAPTURE(name);
      CHECK(error.code() == ExitCode::kBadInput);
      CHECK(has(error.message(), "is inside the run"));
    }
  }
  CHECK_NOTHROW(check_model_target(temp / "marked/../new", 1, Existing::kRefuse, {}));
  CHECK_NOTHROW(check_target(temp / "marked/adapter", 1, Existing::kRefuse, kAdapter));
}

TEST_CASE("Parents created in vain are removed", "[atomic_directory]") {
  const TempDirectory temp;
  fs::create_directory(temp / "own");
  {
    AtomicDirectory directory(temp / "own/new/deep/out", 1, Existing::kRefuse, kModel);
    CHECK(fs::exists(temp / "own/new/deep"));
  }
  CHECK(fs::exists(temp / "own"));
  CHECK(fs::is_empty(temp / "own"));
  {
    AtomicDirectory directory(temp / "own/new/deep/out", 1, Existing::kRefuse, kModel);
    write_file_atomically(temp / "own/new/theirs", "x");
  }
  CHECK(fs::exists(temp / "own/new/theirs"));
  CHECK_FALSE(fs::exists(temp / "own/new/deep"));
  // The parents can be created, but not the folder in the last one: its name becomes too long.
  const std::string name(250, 'x');
  CHECK_THROWS_AS(AtomicDirectory(temp / "a/b" / name, 1, Existing::kRefuse, kModel), Error);
  CHECK_FALSE(fs::exists(temp / "a"));
}
