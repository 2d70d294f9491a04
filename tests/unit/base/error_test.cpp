#include "base/error.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <string>

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("An error's parts are on separate lines", "[error]") {
  const Error error = input_error("no such file", "a.json", "check the path");
  CHECK(error.what() == std::string("no such file\n  where: a.json\n  hint:  check the path"));
  CHECK(failure("out of memory").what() == std::string("out of memory"));
}

TEST_CASE("Control characters are shown as escapes", "[error]") {
  const Error error = input_error("found \"\x1b[2J\x7f\t\xc2\x9b\r\"", "a\x07.json");
  CHECK(error.message() == "found \"\\u001b[2J\\u007f\t\\u009b\\u000d\"");
  CHECK(error.where() == "a\\u0007.json");
  CHECK(input_error("two\nlines é ⟨ ¿").message() == "two\nlines é ⟨ ¿");
  CHECK(input_error("no such file", "a\n  hint:  rm").where() == "a\\u000a  hint:  rm");
}

TEST_CASE("Long lines keep their start and end, in whole characters", "[error]") {
  const std::string middle(1'000'000, 'x');
  CHECK(input_error("begin" + middle + "end").message() ==
        "begin" + std::string(395, 'x') + " … " + std::string(147, 'x') + "end");
  CHECK(input_error(std::string(600, 'x')).message().size() == 600);
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "ä";
  const std::string found = input_error("a" + umlauts).message();
  std::string expected = "a";
  for (int i = 0; i < 199; ++i) expected += "ä";
  expected += " … ";
  for (int i = 0; i < 75; ++i) expected += "ä";
  CHECK(found == expected);
}

TEST_CASE("Only the first of very many lines are shown", "[error]") {
  std::string problems;
  for (int i = 0; i < 1000; ++i) problems += "problem " + std::to_string(i) + "\n";
  const std::string shown = input_error(problems + "the last").message();
  CHECK(shown.starts_with("problem 0\nproblem 1\n"));
  CHECK(shown.ends_with("problem 199\n… and 801 more lines"));
}

TEST_CASE("a single problem is reported unchanged", "[problems]") {
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

TEST_CASE("several problems are reported at once", "[problems]") {
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
