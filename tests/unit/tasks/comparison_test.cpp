#include "tasks/comparison.h"

#include "catch.h"
#include "tasks/result_tables.h"
#include "tasks/results_json.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace expandft;

namespace {

/// A block's sum of log-probabilities, and its tokens.
struct Block {
  double log_prob;
  std::int64_t tokens;
};

/// A result over blocks of 6 bytes each.
TaskResult result_of(const std::vector<Block>& blocks) {
  std::vector<ExampleOutput> outputs;
  for (const Block& block : blocks) {
    outputs.push_back({.likelihoods = {{block.log_prob, block.tokens, false}}, .bytes = 6});
  }
  return score_outputs({.name = "stories"}, nullptr, std::move(outputs));
}

/// A choice task's result: of two choices each, the first is right; `right` says where it is taken.
TaskResult choices_of(const std::vector<bool>& right, const std::string& name = "quiz") {
  std::vector<TaskExample> examples;
  std::vector<ExampleOutput> outputs;
  for (const bool is_right : right) {
    examples.push_back({.choices = {"yes", "no"}, .target = 0});
    outputs.push_back({.likelihoods = {{is_right ? -1.0 : -3.0, 1, false}, {-2.0, 1, false}}});
  }
  TaskConfig task{.name = name, .type = TaskType::kChoice};
  return score_outputs(task, std::make_shared<const std::vector<TaskExample>>(examples),
                       std::move(outputs));
}

// Blocks of 2 and 4 tokens; 6 nats over 6 tokens.
const TaskResult kBase = result_of({{-2, 2}, {-4, 4}});
// One nat more in each block: R = 2/6, residuals 1 - 2/3 and 1 - 4/3.
const TaskResult kTuned = result_of({{-3, 2}, {-5, 4}});

DropBudgets one_percent() {
  return {.each = DropBudget{1, true}};
}

}  // namespace

TEST_CASE("loss, perplexity and bits per byte of a result") {
  CHECK(kBase.loss().value() == Approx(1.0));
  CHECK(kBase.find("perplexity")->value() == Approx(2.718281828459045));
  CHECK(kBase.find("bits_per_byte")->value() == Approx(6 / (0.6931471805599453 * 12)));
  CHECK(kBase.judged().name == "perplexity");
}

TEST_CASE("the difference and its paired standard error are those computed by hand") {
  const Comparison c = compare(kBase, kTuned);
  CHECK(c.tokens == 6);
  CHECK(c.examples == 2);
  const MetricComparison& judged = c.judged();
  CHECK(judged.difference == Approx(1.0 / 3));  // of the logarithms
  REQUIRE(judged.standard_error);
  CHECK(*judged.standard_error == Approx(1.0 / 9));  // sqrt(2/1 · (1/9 + 1/9)) / 6
  CHECK(judged.base == Approx(std::exp(1.0)));
  CHECK(judged.tuned == Approx(std::exp(8.0 / 6)));
  CHECK(judged.relative_change.value() == Approx(std::exp(1.0 / 3) - 1));
  CHECK(c.drop.relative == Approx(std::exp(1.0 / 3) - 1));
  CHECK(c.drop.absolute == Approx(judged.tuned - judged.base));
}

TEST_CASE("without a budget the verdict is about significance") {
  CHECK(compare(kBase, kTuned).verdict == Verdict::kWorse);  // 3 standard errors
  CHECK(compare(kTuned, kBase).verdict == Verdict::kBetter);
  CHECK(compare(kBase, kBase).verdict == Verdict::kSame);
  // d = 1 and 0: R = 1/6, residuals 2/3 and -2/3, standard error sqrt(16/9)/6 = 2/9.
  const Comparison noisy = compare(kBase, result_of({{-3, 2}, {-4, 4}}));
  CHECK(*noisy.judged().standard_error == Approx(2.0 / 9));
  CHECK(noisy.verdict == Verdict::kSame);
}

TEST_CASE("one block has no standard error") {
  const Comparison c = compare(result_of({{-2, 2}}), result_of({{-3, 2}}));
  CHECK(!c.judged().standard_error);
  CHECK(c.verdict == Verdict::kSame);
  CHECK(comparison_json({.originals = {c}})["original_tasks"][0]["standard_error"].is_null());
}

TEST_CASE("a budget is relative in percent, or absolute in perplexity") {
  // Perplexity e to e^(4/3): a rise of 39.56 %, or 1.0754.
  const auto verdict = [](const char* budget) {
    return compare(kBase, kTuned, parse_budget(budget)).verdict;
  };
  CHECK(verdict("39.5%") == Verdict::kOverBudget);
  CHECK(verdict("39.6%") == Verdict::kWithinBudget);
  CHECK(verdict("1.07") == Verdict::kOverBudget);
  CHECK(verdict("1.08") == Verdict::kWithinBudget);
  CHECK(compare(kTuned, kBase, DropBudget{}).verdict == Verdict::kWithinBudget);  // it fell
  CHECK(compare(kBase, kBase, DropBudget{}).verdict == Verdict::kWithinBudget);
}

TEST_CASE("an accuracy drops when it falls") {
  const TaskResult base = choices_of({true, true, true, true, false}),
                   tuned = choices_of({true, true, true, false, false});
  const Comparison c = compare(base, tuned);
  CHECK(c.judged().name == "acc");
  CHECK(c.judged().difference == Approx(-0.2));
  CHECK(c.drop.absolute == Approx(0.2));
  CHECK(c.drop.relative == Approx(0.25));
  CHECK(c.judged().standard_error.value() == Approx(0.2));  // sd of (0,0,0,-1,0) over sqrt(5)
  CHECK(compare(base, tuned, parse_budget("24%")).verdict == Verdict::kOverBudget);
  CHECK(compare(base, tuned, parse_budget("26%")).verdict == Verdict::kWithinBudget);
  CHECK(compare(base, tuned, parse_budget("0.19")).verdict == Verdict::kOverBudget);
  CHECK(compare(tuned, base, parse_budget("0%")).verdict == Verdict::kWithinBudget);
}

TEST_CASE("a drop of exactly the budget is within it despite rounding errors") {
  const auto right = [](int count, int all) {
    std::vector<bool> answers(static_cast<std::size_t>(all), false);
    std::fill_n(answers.begin(), count, true);
    return choices_of(answers);
  };
  CHECK(compare(right(80, 100), right(75, 100), parse_budget("0.05")).verdict ==
        Verdict::kWithinBudget);
  CHECK(compare(right(200, 400), right(198, 400), parse_budget("1%")).verdict ==
        Verdict::kWithinBudget);
  CHECK(compare(right(80, 100), right(74, 100), parse_budget("0.05")).verdict ==
        Verdict::kOverBudget);
}

TEST_CASE("perplexities that overflow are compared by their logarithms") {
  const TaskResult huge = result_of({{-2000, 2}, {-3000, 2}});
  const Comparison same = compare(huge, huge, parse_budget("0%"));
  CHECK(same.judged().difference == 0);
  CHECK(same.drop.absolute == 0);
  CHECK(same.verdict == Verdict::kWithinBudget);
  CHECK(compare(huge, result_of({{-2000, 2}, {-3004, 2}})).judged().difference == Approx(1));
}

TEST_CASE("flips are counted, and McNemar's test uses only them") {
  const TaskResult base = choices_of({true, true, true, true, true, true, false, true}),
                   tuned = choices_of({false, false, false, false, false, true, true, true});
  const Comparison c = compare(base, tuned);
  REQUIRE(c.flips);
  CHECK(c.flips->answers == 8);
  CHECK(c.flips->changed == 6);
  CHECK(c.flips->lost == 5);
  CHECK(c.flips->gained == 1);
  // Two-sided: 2 · (C(6,0) + C(6,1)) / 2^6.
  CHECK(c.judged().p_value.value() == Approx(2 * 7 / 64.0));
  CHECK_FALSE(compare(kBase, kTuned).flips);
}

TEST_CASE("a loss of NaN exceeds every budget") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(compare(kBase, result_of({{nan, 2}, {-4, 4}}), DropBudget{1000, true}).verdict ==
        Verdict::kOverBudget);
}

TEST_CASE("results over different tokens cannot be compared") {
  CHECK_THROWS_AS(compare(kBase, result_of({{-2, 3}, {-4, 3}})), Error);
  CHECK_THROWS_AS(compare(kBase, result_of({{-2, 2}})), Error);
  TaskResult other = kBase;
  other.outputs[0].bytes = 13;
  CHECK_THROWS_AS(compare(kBase, other), Error);
}

TEST_CASE("tasks over their budget become one error with exit code 3") {
  const ComparisonReport over = compare_tasks({kBase}, {kTuned}, 1, one_percent());
  const auto error = budget_error(over);
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDropped);
  CHECK(error->message().find("stories") != std::string::npos);
  CHECK(error->message().find("+39.56%") != std::string::npos);
  CHECK(!budget_error(compare_tasks({kBase}, {kBase}, 1, one_percent())));
  CHECK(!budget_error(compare_tasks({}, {}, 0, one_percent())));
  // New tasks are not held to it.
  CHECK(!budget_error(compare_tasks({kBase}, {kTuned}, 0, one_percent())));
}

TEST_CASE("a task's own budget overrides the common one, and the mean has its own") {
  const std::vector<TaskResult> base = {kBase, choices_of({true, true, true, true})},
                                tuned = {kTuned, choices_of({true, true, true, false})};
  // Drops of 39.56 % and 25 %.
  const auto within = [&](const DropBudgets& budgets) {
    return compare_tasks(base, tuned, 2, budgets).within_budget();
  };
  CHECK(within({.each = DropBudget{40, true}}));
  CHECK_FALSE(within({.each = DropBudget{30, true}}));
  CHECK(within({.each = DropBudget{30, true}, .tasks = {{"stories", {40, true}}}}));
  CHECK_FALSE(within({.each = DropBudget{50, true}, .tasks = {{"quiz", {0.2, false}}}}));
  CHECK(within({.mean = DropBudget{33, true}}));
  CHECK_FALSE(within({.mean = DropBudget{32, true}}));
  const auto error = budget_error(compare_tasks(base, tuned, 2, {.mean = DropBudget{32, true}}));
  REQUIRE(error);
  CHECK_THAT(error->message(), has_text("the mean (+32.28%)"));
}

TEST_CASE("what was forgotten over all tasks") {
  ComparisonReport report = compare_tasks({kBase, choices_of({true, true, true, true})},
                                          {kTuned, choices_of({true, true, true, false})}, 2, {});
  REQUIRE(report.forgetting);
  CHECK(report.forgetting->mean_drop == Approx((std::exp(1.0 / 3) - 1 + 0.25) / 2));
  CHECK(report.forgetting->worst_task == "stories");
  CHECK(report.forgetting->flipped.value() == Approx(0.25));
  CHECK_FALSE(report.forgetting->divergence);
  add_divergences({0.1, 0.3}, report);
  CHECK(report.forgetting->divergence.value() == Approx(0.2));
  CHECK(report.originals[1].divergence.value() == Approx(0.3));
  CHECK_THAT(forgetting_text(report), has_text("worst +39.56% (stories)") &&
                                          has_text("answers flipped 25.00%") &&
                                          has_text("0.2000 nats"));
  CHECK(forgetting_text({}).empty());
}

TEST_CASE("a gain on original tasks is a negative drop") {
  CHECK(drop_text(0.0493) == "drop +4.93%");
  CHECK(drop_text(-0.4) == "improved by 40.00%");
  CHECK(drop_text(-0.00001) == "drop 0.00%");
  ComparisonReport report = compare_tasks({kTuned}, {kBase}, 1, {});
  CHECK_THAT(forgetting_text(report), has_text("forgetting: improved by 28.35%"));
  report.originals.push_back(report.originals.front());
  CHECK_THAT(forgetting_text(report),
             has_text("forgetting: mean improved by 28.35%, least by 28.35% (stories)"));
  report.forgetting->worst_drop = 0.02;
  CHECK_THAT(forgetting_text(report),
             has_text("forgetting: mean improved by 28.35%, worst +2.00% (stories)"));
}

TEST_CASE("the table and the JSON hold original tasks with a verdict, and new tasks without") {
  const ComparisonReport report = compare_tasks({kBase, kTuned}, {kTuned, kBase}, 1, one_percent());
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

TEST_CASE("one model's results as a table and as JSON") {
  const TaskResult quiz = choices_of({true, false, true, true});
  const Json json = result_json(quiz);
  CHECK(json["metrics"]["acc"] == 0.75);
  CHECK(json["standard_errors"]["acc"].get<double>() == Approx(0.25));
  CHECK(json["examples"] == 4);
  CHECK_THAT(result_table({quiz}), has_text("quiz") && has_text("0.7500"));
  const std::vector<Json> lines = example_lines(quiz, "base");
  REQUIRE(lines.size() == 4);
  CHECK(lines[1]["prediction"] == 1);
  CHECK(lines[1]["target"] == 0);
  CHECK(lines[1]["acc"] == 0.0);
  CHECK(lines[1]["log_probs"] == Json({-3.0, -2.0}));
}
