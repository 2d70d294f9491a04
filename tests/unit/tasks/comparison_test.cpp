#include "evaluation/comparison.h"

#include "catch.h"
#include "evaluation/report.h"

#include <cmath>
#include <limits>

using namespace expandft;

namespace {

/// A result with the given sums and counts of blocks.
TaskResult result_of(std::vector<BlockScore> blocks) {
  TaskResult result{
      .task = {.name = "stories", .type = "perplexity"}, .blocks = std::move(blocks), .bytes = 12};
  for (const BlockScore& block : result.blocks) result.tokens += block.tokens;
  return result;
}

// Blocks of 2 and 4 tokens; 6 nats over 6 tokens.
const TaskResult kBase = result_of({{-2, 2}, {-4, 4}});
// One nat more in each block: R = 2/6, residuals 1 - 2/3 and 1 - 4/3.
const TaskResult kTuned = result_of({{-3, 2}, {-5, 4}});

}  // namespace

TEST_CASE("loss, perplexity and bits per byte of a result") {
  CHECK(kBase.loss() == Approx(1.0));
  CHECK(kBase.perplexity() == Approx(2.718281828459045));
  CHECK(kBase.bits_per_byte() == Approx(6 / (0.6931471805599453 * 12)));
}

TEST_CASE("the difference and its paired standard error are those computed by hand") {
  const Comparison c = compare(kBase, kTuned);
  CHECK(c.tokens == 6);
  CHECK(c.blocks == 2);
  CHECK(c.base_loss == Approx(1.0));
  CHECK(c.tuned_loss == Approx(8.0 / 6));
  CHECK(c.difference == Approx(1.0 / 3));
  REQUIRE(c.standard_error);
  CHECK(*c.standard_error == Approx(1.0 / 9));  // sqrt(2/1 · (1/9 + 1/9)) / 6
  CHECK(c.base_perplexity == Approx(std::exp(1.0)));
  CHECK(c.tuned_perplexity == Approx(std::exp(8.0 / 6)));
  CHECK(c.relative_change == Approx(std::exp(1.0 / 3) - 1));
}

TEST_CASE("without a budget the verdict is about significance") {
  CHECK(compare(kBase, kTuned).verdict == Verdict::kWorse);  // 3 standard errors
  CHECK(compare(kTuned, kBase).verdict == Verdict::kBetter);
  CHECK(compare(kBase, kBase).verdict == Verdict::kSame);
  // d = 1 and 0: R = 1/6, residuals 2/3 and -2/3, standard error sqrt(16/9)/6 = 2/9.
  const Comparison noisy = compare(kBase, result_of({{-3, 2}, {-4, 4}}));
  CHECK(*noisy.standard_error == Approx(2.0 / 9));
  CHECK(noisy.verdict == Verdict::kSame);
}

TEST_CASE("one block has no standard error") {
  const Comparison c = compare(result_of({{-2, 2}}), result_of({{-3, 2}}));
  CHECK(!c.standard_error);
  CHECK(c.verdict == Verdict::kSame);
  CHECK(comparison_json({.originals = {c}})["original_tasks"][0]["standard_error"].is_null());
}

TEST_CASE("a budget is relative in percent, or absolute in perplexity") {
  // Perplexity e to e^(4/3): a rise of 39.56 %, or 1.0754.
  const auto verdict = [](const char* budget) {
    return compare(kBase, kTuned, parse_budget(budget, "--max-drop")).verdict;
  };
  CHECK(verdict("39.5%") == Verdict::kOverBudget);
  CHECK(verdict("39.6%") == Verdict::kWithinBudget);
  CHECK(verdict("1.07") == Verdict::kOverBudget);
  CHECK(verdict("1.08") == Verdict::kWithinBudget);
  CHECK(compare(kTuned, kBase, DropBudget{}).verdict == Verdict::kWithinBudget);  // it fell
  CHECK(compare(kBase, kBase, DropBudget{}).verdict == Verdict::kWithinBudget);
}

TEST_CASE("a loss that is no number never keeps a budget") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(compare(kBase, result_of({{nan, 2}, {-4, 4}}), DropBudget{1000, true}).verdict ==
        Verdict::kOverBudget);
}

TEST_CASE("results over different tokens cannot be compared") {
  CHECK_THROWS_AS(compare(kBase, result_of({{-2, 3}, {-4, 3}})), Error);
  CHECK_THROWS_AS(compare(kBase, result_of({{-2, 2}})), Error);
  TaskResult other = kBase;
  other.bytes = 13;
  CHECK_THROWS_AS(compare(kBase, other), Error);
}

TEST_CASE("budgets are read and written") {
  CHECK(parse_budget("1%", "").amount == 1.0);
  CHECK(parse_budget("1%", "").relative);
  CHECK(parse_budget("0.05", "").amount == 0.05);
  CHECK(!parse_budget("0.05", "").relative);
  CHECK(budget_text(parse_budget("1.5%", "")) == "1.5%");
  CHECK(budget_text(parse_budget("0", "")) == "0");
  for (const char* text : {"", "%", "one", "1 %", "-1%", "1%%", "nan", "inf", "1e999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_budget(text, "--max-drop"), Error);
  }
}

TEST_CASE("tasks over the budget become one error with exit code 3") {
  const DropBudget budget{1, true};
  const Comparison over = compare(kBase, kTuned, budget), within = compare(kBase, kBase, budget);
  const auto error = budget_error({over, within}, budget);
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDropped);
  CHECK(error->message().find("stories") != std::string::npos);
  CHECK(error->message().find("+39.56%") != std::string::npos);
  CHECK(!budget_error({within}, budget));
  CHECK(!budget_error({}, budget));
}

TEST_CASE("the table and the JSON hold original tasks with a verdict, and new tasks without") {
  const DropBudget budget{1, true};
  const ComparisonReport report{.originals = {compare(kBase, kTuned, budget)},
                                .news = {compare(kTuned, kBase)},
                                .budget = budget};
  const Json json = comparison_json(report);
  CHECK(json["max_drop"] == "1%");
  CHECK(json["within_budget"] == false);
  CHECK(json["original_tasks"][0]["verdict"] == "over budget");
  CHECK(json["original_tasks"][0]["base"]["loss"].get<double>() == Approx(1.0));
  CHECK(!json["tasks"][0].contains("verdict"));
  CHECK(json["tasks"][0]["difference"].get<double>() == Approx(-1.0 / 3));

  const std::string table = comparison_table(report);
  CHECK(table.find("over budget") != std::string::npos);
  CHECK(table.find("+39.56%") != std::string::npos);
  CHECK(table.find("-28.35%") != std::string::npos);  // e^(-1/3) - 1
  CHECK(comparison_json({})["within_budget"].is_null());
}
