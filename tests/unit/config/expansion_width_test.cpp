#include "config/expansion_width.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <string>

using namespace expandft;
using namespace expandft::testing;

namespace {

using Kind = ExpansionWidth::Kind;

ExpansionWidth share(double percent) {
  return {.kind = Kind::kShare, .percent = percent};
}

ExpansionWidth neurons(std::int64_t number) {
  return {.kind = Kind::kNeurons, .number = number};
}

ExpansionWidth parameters(std::int64_t number) {
  return {.kind = Kind::kParameters, .number = number};
}

}  // namespace

TEST_CASE("a width is a share, a number of neurons, or a budget", "[expansion_width]") {
  CHECK(ExpansionWidth::of(Json()) == ExpansionWidth());
  CHECK(ExpansionWidth::of("12.5%") == share(12.5));
  CHECK(ExpansionWidth::of("100%") == share(100));
  CHECK(ExpansionWidth::of(64) == neurons(64));
  CHECK(ExpansionWidth::of(Json{{"parameters", 5000000}}) == parameters(5000000));
  CHECK(ExpansionWidth::of(Json{{"parameters", "5M"}}) == parameters(5000000));
  CHECK(ExpansionWidth::of(Json{{"parameters", "0.3M"}}) == parameters(300000));
  CHECK(ExpansionWidth::of(Json{{"parameters", "1.5K"}}) == parameters(1500));
  CHECK(ExpansionWidth::of(Json{{"parameters", "2B"}}) == parameters(2000000000));
  CHECK(ExpansionWidth::of(Json{{"parameters", "70"}}) == parameters(70));

  CHECK(ExpansionWidth::parse("12.5%", "--width") == share(12.5));
  CHECK(ExpansionWidth::parse("64", "--width") == neurons(64));
  CHECK(ExpansionWidth::parse("5M", "--width") == parameters(5000000));
}

TEST_CASE("a width is written as it is read", "[expansion_width]") {
  for (const ExpansionWidth& width :
       {ExpansionWidth(), share(12.5), share(100), neurons(64), parameters(1500)}) {
    CAPTURE(width.json().dump());
    CHECK(ExpansionWidth::of(width.json()) == width);
  }
}

TEST_CASE("other widths are refused", "[expansion_width]") {
  for (const char* const text : {R"("0%")",
                                 R"("101%")",
                                 R"("-5%")",
                                 R"("12.5")",
                                 R"("12,5%")",
                                 R"("%")",
                                 R"("")",
                                 R"("5M")",
                                 "0",
                                 "-3",
                                 "1.5",
                                 "true",
                                 "[]",
                                 "{}",
                                 R"({"parameters": 0})",
                                 R"({"parameters": "5 M"})",
                                 R"({"parameters": "5m"})",
                                 R"({"parameters": "M"})",
                                 R"({"parameters": "1e6"})",
                                 R"({"parameters": 1.5})",
                                 R"({"parameters": null})",
                                 R"({"parameters": "-5M"})",
                                 R"({"parameters": 1e300})",
                                 R"({"neurons": 5})",
                                 R"({"parameters": 5, "more": 1})"}) {
    CAPTURE(text);
    CHECK_FALSE(ExpansionWidth::of(Json::parse(text)));
  }
  for (const char* const text : {"", "0", "-1", "half", "5m", "0%", "99999999999999", "1.5"}) {
    CAPTURE(text);
    const Error error = error_of([&] { ExpansionWidth::parse(text, "--width"); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == "--width");
    CHECK(has(error.message(), "found \"" + std::string(text) + "\"; expected a share"));
  }
}
