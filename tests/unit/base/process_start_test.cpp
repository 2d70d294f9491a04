#include "base/process_start.h"

#include "base/files.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <sys/wait.h>
#include <unistd.h>

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("A process's start is known while it is there", "[process_start]") {
  const auto own = start_ticks(::getpid());
  REQUIRE(own.has_value());
  CHECK(*own > 0);
  CHECK(start_ticks(::getpid()) == own);
  const TempDirectory temp;
  CHECK(has(partial_path(temp / "a").string(), "-" + std::to_string(*own)));

  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(start_ticks(child).has_value());
}
