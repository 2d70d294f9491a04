// Answers are compared as Python compares them (tests/golden/metrics/answers.json).
#include "metrics/answer_matching.h"

#include "base/expect_error.h"
#include "catch.h"
#include "metric_golden.h"

using namespace expandft;

namespace {

using Texts = std::vector<std::string>;

MetricConfig metric_of(const Json& row) {
  MetricConfig metric;
  metric.metric = "exact_match";
  if (row.contains("extract")) metric.extract = row["extract"].get<std::string>();
  if (row.contains("ignore")) metric.ignore = row["ignore"].get<Texts>();
  metric.last = row.value("last", false);
  metric.ignore_case = row.value("ignore_case", false);
  metric.ignore_punctuation = row.value("ignore_punctuation", false);
  return metric;
}

MetricConfig contains() {
  MetricConfig metric;
  metric.metric = "contains";
  return metric;
}

}  // namespace

TEST_CASE("exact_match equals Python's", "[answer_matching][golden]") {
  const Json golden = metric_golden("answers")["exact_match"];
  REQUIRE(golden.size() >= 20);
  for (const Json& row : golden) {
    INFO(row.dump());
    const AnswerMatcher matcher(metric_of(row), "test");
    const auto written = row["written"].get<std::string>();
    const auto references = row["references"].get<Texts>();
    CHECK(matcher.prediction(written) == row["prediction"].get<std::string>());
    for (std::size_t i = 0; i < references.size(); ++i) {
      CHECK(matcher.target(references[i]) == row["targets"][i].get<std::string>());
    }
    CHECK(matcher.matches(written, references) == row["matches"].get<bool>());
  }
}

TEST_CASE("contains equals Python's search that ignores case", "[answer_matching][golden]") {
  const Json golden = metric_golden("answers")["contains"];
  REQUIRE(golden.size() >= 20);
  const AnswerMatcher matcher(contains(), "test");
  for (const Json& row : golden) {
    INFO(row.dump());
    CHECK(matcher.matches(row["written"].get<std::string>(), row["references"].get<Texts>()) ==
          row["matches"].get<bool>());
  }
}

TEST_CASE("contains compares the extracted part without what is ignored", "[answer_matching]") {
  MetricConfig metric = contains();
  metric.extract = "Answer: (.*)";
  metric.ignore = {","};
  const AnswerMatcher matcher(metric, "test");
  CHECK(matcher.matches("12 no\nAnswer: about 1,200", {"1200"}));
  CHECK_FALSE(matcher.matches("12 no\nAnswer: about 1,200", {"12 no"}));
  CHECK_FALSE(matcher.matches("Answer: 5", {}));
}

TEST_CASE("other metrics and patterns that do not compile are input errors", "[answer_matching]") {
  MetricConfig metric;
  metric.metric = "bleu";
  expect_input_error([&] { AnswerMatcher(metric, "t.json: metrics[0]"); },
                     {"metric \"bleu\" does not compare answers", "t.json: metrics[0]"});
  metric.metric = "exact_match";
  metric.extract = "(a";
  expect_input_error([&] { AnswerMatcher(metric, "t.json: metrics[0]"); },
                     {"does not compile", "t.json: metrics[0].extract"});
  metric.extract = "a";
  metric.ignore = {"a", "[b"};
  expect_input_error([&] { AnswerMatcher(metric, "t.json: metrics[0]"); },
                     {"does not compile", "t.json: metrics[0].ignore[1]", "Python"});
}

TEST_CASE("a pattern that backtracks too long is an input error", "[answer_matching]") {
  MetricConfig metric;
  metric.metric = "exact_match";
  metric.extract = "(x+x+)+[yz]";
  const AnswerMatcher matcher(metric, "t.json: metrics[0]");
  expect_input_error([&] { matcher.prediction(std::string(200, 'x')); },
                     {"fails on a text", "metrics[0].extract"});
}

TEST_CASE("a written choice is the longest answer with which the text starts",
          "[answer_matching]") {
  const Texts letters{"A", "B", "C"};
  CHECK(written_choice("B", letters) == 1);
  CHECK(written_choice(" (b) because", letters) == 1);
  CHECK(written_choice("( C.", letters) == 2);
  CHECK(written_choice("A: apples", letters) == 0);
  CHECK(written_choice("Apples", letters) == std::nullopt);
  CHECK(written_choice("B2", letters) == std::nullopt);
  CHECK(written_choice("A\u0301", letters) == std::nullopt);  // another letter
  CHECK(written_choice("", letters) == std::nullopt);
  CHECK(written_choice("The answer is A", letters) == std::nullopt);
  CHECK(written_choice("D", letters) == std::nullopt);

  CHECK(written_choice("yes, it is", {"Yes", "No"}) == 0);
  CHECK(written_choice("New York City.", {"New", "New York", "new york city"}) == 2);
  CHECK(written_choice("New Yorkers", {"New", "New York"}) == 0);
  CHECK(written_choice("(B)", {"(A)", "(B)"}) == 1);
  CHECK(written_choice("ÉCOLE!", {"étude", " école "}) == 1);
  CHECK(written_choice("x", {"x", "X"}) == 0);
  CHECK(written_choice("x", {"", "x"}) == 1);
  CHECK(written_choice("x", {}) == std::nullopt);
}
