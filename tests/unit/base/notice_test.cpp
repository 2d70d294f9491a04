#include "base/notice.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("a notice is one line: where, what, hint") {
  CHECK(notice_text({"the key \"a\" is not read", "rows.jsonl", "leave it out"}) ==
        "rows.jsonl: the key \"a\" is not read; leave it out");
  CHECK(notice_text({"what alone", "", ""}) == "what alone");
}

TEST_CASE("a strict error lists every notice, and is an input error") {
  const Error error = strict_error({{"first", "a.json", ""}, {"second", "", "do this"}});
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(error.message() == "--strict: 2 warnings\n  a.json: first\n  second; do this");
  CHECK(strict_error({{"first", "", ""}}).message() == "--strict: 1 warning\n  first");
}
