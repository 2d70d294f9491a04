// What Python's str and re do (tests/golden/metrics).
#include "base/python_text.h"

#include "catch.h"
#include "expect_error.h"
#include "metrics/metric_golden.h"
#include "tokenizer/pipeline/regular_expression.h"

using namespace expandft;

namespace {

// null if the group took no part.
Json span_of(const std::optional<Match>& match) {
  return match ? Json::array({match->begin, match->end}) : Json();
}

Json spans_of(const GroupedMatch& found) {
  Json spans = Json::array({span_of(found.match)});
  for (const auto& group : found.groups) spans.push_back(span_of(group));
  return spans;
}

}  // namespace

TEST_CASE("white space is Python's", "[python_text][golden]") {
  const Json golden = metric_golden("answers")["spaces"];
  REQUIRE(golden.size() >= 10);
  for (const Json& row : golden) {
    INFO(row.dump());
    const auto text = row["text"].get<std::string>();
    CHECK(python_strip(text) == row["strip"].get<std::string>());
    CHECK(python_rstrip(text) == row["rstrip"].get<std::string>());
    const auto words = python_split(text);
    CHECK(std::vector<std::string>(words.begin(), words.end()) ==
          row["split"].get<std::vector<std::string>>());
  }
}

TEST_CASE("lower case is Python's", "[python_text][golden]") {
  const Json golden = metric_golden("answers")["lower"];
  REQUIRE(golden.size() >= 15);
  for (const Json& row : golden) {
    INFO(row.dump());
    CHECK(python_lower(row["text"].get<std::string>()) == row["lower"].get<std::string>());
  }
}

TEST_CASE("regular expressions of Python find what its re finds", "[regular_expression][golden]") {
  const Json golden = metric_golden("regular_expressions")["patterns"];
  REQUIRE(golden.size() >= 25);
  for (const Json& row : golden) {
    const RegularExpression pattern(row["pattern"].get<std::string>(), "test",
                                    RegexSyntax::kPython);
    for (const Json& item : row["texts"]) {
      INFO(row["pattern"] << " in " << item["text"]);
      const auto text = item["text"].get<std::string>();
      Json found = Json::array(), spans = Json::array();
      for (const GroupedMatch& match : pattern.find_all_groups(text)) {
        found.push_back(spans_of(match));
      }
      CHECK(found == item["matches"]);
      for (const Match& match : pattern.find_all(text)) spans.push_back(span_of(match));
      REQUIRE(spans.size() == found.size());
      for (std::size_t i = 0; i < spans.size(); ++i) CHECK(spans[i] == found[i][0]);
    }
  }
}

TEST_CASE("regular expressions that Python's re refuses are input errors",
          "[regular_expression][golden]") {
  const Json golden = metric_golden("regular_expressions")["refused"];
  REQUIRE(golden.size() >= 10);
  for (const Json& pattern : golden) {
    INFO(pattern.dump());
    expect_input_error(
        [&] {
          RegularExpression(pattern.get<std::string>(), "t.json: metrics[0]", RegexSyntax::kPython);
        },
        {"does not compile", "t.json: metrics[0]", "expected what Python's re reads"});
  }
}

TEST_CASE("groups are found in the engine's own syntax too", "[regular_expression]") {
  const RegularExpression pattern(R"((\h)|(x))", "test");  // \h: a hexadecimal digit
  const auto found = pattern.find_all_groups("gfx");
  REQUIRE(found.size() == 2);
  CHECK(spans_of(found[0]) == Json::parse("[[1,2],[1,2],null]"));
  CHECK(spans_of(found[1]) == Json::parse("[[2,3],null,[2,3]]"));
}

// The following: CPython 3.11.

TEST_CASE("white space at the start is removed as by Python's lstrip", "[python]") {
  CHECK(python_lstrip(" \t\u00A0\x1c x ") == "x ");
  CHECK(python_lstrip("x") == "x");
  CHECK(python_lstrip(" \n").empty());
  CHECK(python_lstrip("").empty());
}

TEST_CASE("words are counted as by Python's re.split", "[python]") {
  CHECK(python_word_count("") == 1);
  CHECK(python_word_count(" ") == 2);
  CHECK(python_word_count("a b") == 2);
  CHECK(python_word_count(" a\u00A0b\x1c") == 4);
  CHECK(python_word_count("a\n\n b ") == 3);
}

TEST_CASE("a text is capitalized as in Python", "[python]") {
  CHECK(python_capitalize("éÀ ΑΣ ΟΔΟΣ") == "Éà ας οδος");
  CHECK(python_capitalize("ǆ aB") == "ǅ ab");
  CHECK(python_capitalize("hELLO wORLD") == "Hello world");
  CHECK(python_capitalize("Σ") == "Σ");
  CHECK(python_capitalize("İX") == "İx");
  CHECK(python_capitalize("").empty());
}
