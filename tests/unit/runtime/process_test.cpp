#include "runtime/process.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <sys/wait.h>
#include <unistd.h>

namespace expandft {
namespace {

TEST_CASE("the time since launch grows") {
  const double first = seconds_since_launch();
  CHECK(first >= 0);
  CHECK(first < 24 * 3600);
  CHECK(seconds_since_launch() >= first);
}

TEST_CASE("without /proc the time is counted since the program was loaded") {
  const testing::TempDirectory temp;
  const pid_t child = ::fork();
  if (child == 0) {
    // An empty root directory has no /proc. Only root may change it.
    if (::chroot(temp.path().c_str()) != 0) ::_exit(0);
    try {
      const double seconds = seconds_since_launch();
      ::_exit(seconds >= 0 && seconds < 24 * 3600 ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("the peak memory is at least the memory in use") {
  CHECK(peak_resident_bytes() > (1 << 20));
  CHECK(peak_memory_bytes(at::kCPU) >= peak_resident_bytes() / 2);
}

}  // namespace
}  // namespace expandft
