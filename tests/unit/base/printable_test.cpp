#include "base/printable.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("names in a sentence are quoted, and too many are counted") {
  CHECK(quoted_list({"a"}) == R"("a")");
  CHECK(quoted_list({"a", "b"}) == R"("a" and "b")");
  CHECK(quoted_list({"a", "b", "c"}) == R"("a", "b" and "c")");
  CHECK(quoted_list({"a", "b", "c", "d"}, 2) == R"("a", "b" and 2 more)");
  CHECK(quoted_list({}).empty());
}
