#include "base/counted.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("a count has its noun in the right number", "[base]") {
  CHECK(counted(1, "row") == "1 row");
  CHECK(counted(0, "row") == "0 rows");
  CHECK(counted(1200, "new parameter") == "1200 new parameters");
  CHECK(counted(1, "copy") == "1 copy");
  CHECK(counted(2, "copy") == "2 copies");
  CHECK(counted(2, "key") == "2 keys");
  CHECK(counted(2, "class") == "2 classes");
  CHECK(counted(2, "batch") == "2 batches");
}
