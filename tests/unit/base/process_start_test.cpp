#include "base/process_start.h"

#include "catch.h"

#include <sys/wait.h>
#include <unistd.h>

using namespace expandft;

TEST_CASE("A process's start is known while it is there", "[process_start]") {
  const auto own = start_ticks(::getpid());
  REQUIRE(own.has_value());
  CHECK(*own > 0);
  CHECK(start_ticks(::getpid()) == own);

  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(start_ticks(child).has_value());
}
