#include "tasks/strength_search.h"

#include "catch.h"

#include <cmath>

namespace expandft {
namespace {

/// A result of one block of 100 tokens at a loss.
TaskResult result(const std::string& name, double loss) {
  return score_outputs({.name = name}, nullptr,
                       {{.likelihoods = {{-100 * loss, 100, false}}, .bytes = 300}});
}

/// Two tasks; the second rises with the square of the strength, by `most` nats at 1.
auto rising(double most, std::vector<double>& asked) {
  return [most, &asked](double s) {
    asked.push_back(s);
    return std::vector<TaskResult>{result("a", 2.0 - 0.1 * s), result("b", 1.0 + most * s * s)};
  };
}

TEST_CASE("the largest strength within the budget is found to a hundredth") {
  const double most = GENERATE(0.012, 0.05, 0.5, 2.0, 30.0);
  CAPTURE(most);
  std::vector<double> asked;
  const StrengthSearch search = find_strength(rising(most, asked), {.each = DropBudget{1.0, true}});
  const double exact = std::min(1.0, std::sqrt(std::log(1.01) / most));
  CHECK(search.strength <= exact + 1e-9);
  CHECK(search.strength > exact - kStrengthResolution - 1e-9);
  CHECK(asked.size() < 18);
  REQUIRE(search.curve.size() == asked.size());
  CHECK(search.curve.front().strength == 0);
  for (std::size_t i = 0; i < search.curve.size(); ++i) {
    const StrengthPoint& point = search.curve[i];
    if (i > 0) CHECK(point.strength > search.curve[i - 1].strength);
    CHECK(point.within_budget == (point.strength <= search.strength));
    CHECK(point.tasks.size() == 2);
  }
}

TEST_CASE("with nothing lost the whole strength is taken at once") {
  std::vector<double> asked;
  const StrengthSearch search = find_strength(rising(0.0, asked), {.each = DropBudget{0.0, false}});
  CHECK(search.strength == 1.0);
  CHECK(asked == std::vector<double>{0.0, 1.0});
}

TEST_CASE("where every strength loses too much, none is found") {
  std::vector<double> asked;
  const StrengthSearch search =
      find_strength(rising(1e5, asked), {.each = DropBudget{0.001, true}});
  CHECK(search.strength == 0);
  CHECK(search.curve.front().within_budget);
}

TEST_CASE("the curve shows what was tried and what is taken") {
  std::vector<double> asked;
  const StrengthSearch search = find_strength(rising(0.05, asked), {.each = DropBudget{1.0, true}});
  const std::string table = strength_table(search);
  CHECK_THAT(table, has_text("b perplexity") && has_text("kept: taken") && has_text("exceeded"));
  const Json json = strength_json(search);
  REQUIRE(json.size() == search.curve.size());
  CHECK(json[0]["strength"] == 0.0);
  CHECK(json.back()["within_budget"] == false);
  CHECK(json[0]["tasks"][1]["task"] == "b");
}

}  // namespace
}  // namespace expandft
