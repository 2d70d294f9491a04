#include "base/problems.h"

#include "base/temp_directory.h"
#include "catch.h"

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("one problem is told as it is", "[problems]") {
  Problems problems;
  CHECK_NOTHROW(problems.throw_if_any());
  CHECK(problems.check([] {}));
  CHECK_FALSE(problems.check([] { throw failure("the disk is full", "a.txt", "free some"); }));
  CHECK_FALSE(problems.check([] { throw failure("the disk is full", "a.txt", "free some"); }));
  const Error error = error_of([&] { problems.throw_if_any(); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(error.message() == "the disk is full");
  CHECK(error.where() == "a.txt");
}

TEST_CASE("several problems are told at once", "[problems]") {
  Problems problems;
  problems.add(input_error("no such file", "data.train", "look"));
  problems.add(input_error("no such folder", "model", "look"));
  CHECK(problems.all().message() ==
        "2 problems:\n  - data.train: no such file\n  - model: no such folder");
  CHECK(problems.all().where() == "data.train, model");
  CHECK(problems.all().hint() == "look");
  problems.add(failure("odd", "", "call"));
  CHECK(problems.all().code() == ExitCode::kBadInput);
  CHECK(has(problems.all().message(), "\n  - model: no such folder; look\n  - odd; call"));
  CHECK(problems.all().hint().empty());
}
