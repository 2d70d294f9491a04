#include "base/wording.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("names in a sentence are quoted, and only the first ones listed") {
  CHECK(quoted_list({"a"}) == R"("a")");
  CHECK(quoted_list({"a", "b"}) == R"("a" and "b")");
  CHECK(quoted_list({"a", "b", "c"}) == R"("a", "b" and "c")");
  CHECK(quoted_list({"a", "b", "c", "d"}, 2) == R"("a", "b" and 2 more)");
  CHECK(quoted_list({}).empty());
}

TEST_CASE("control characters become escapes") {
  CHECK(printable("a\x1b[2J\x7f\tb\n") == "a\\u001b[2J\\u007f\tb\n");
  CHECK(printable("a\tb\n", "") == "a\\u0009b\\u000a");
  CHECK(printable("\u0080\u009F\u00A0é日👩") == "\\u0080\\u009f\u00A0é日👩");
  CHECK(printable("\xE2\xC2\x9B\xFF\xC2") == "\xE2\\u009b\xFF\xC2");  // malformed bytes stay
}

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

TEST_CASE("nearest finds a misspelt word and nothing far away") {
  const std::vector<std::string> keys{"learning_rate", "weight_decay", "warmup", "seed",
                                      "max_steps"};
  CHECK(nearest("learnign_rate", keys) == "learning_rate");
  CHECK(nearest("lr_learning_rate", keys) == "learning_rate");
  CHECK(nearest("warm_up", keys) == "warmup");
  CHECK(nearest("sede", keys) == "seed");
  CHECK(nearest("seed", keys) == "seed");
  CHECK(nearest("optimizer", keys).empty());
  CHECK(nearest("", keys).empty());
  CHECK(nearest("x", {"yz", "ab"}).empty());
  CHECK(nearest("x", {}).empty());
  CHECK(nearest("abcd", {"abxy", "abcx"}) == "abcx");  // the nearest, not the first
}
