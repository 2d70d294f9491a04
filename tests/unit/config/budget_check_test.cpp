#include "config/budget_check.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/drop_budget.h"
#include "config/task_metrics.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

TaskConfig judged_by(const std::string& name, TaskType type, const std::string& metric) {
  TaskConfig task{.name = name, .type = type};
  if (!metric.empty()) task.metrics = {{.metric = metric, .name = metric}};
  return task;
}

const TaskConfig kQuiz = judged_by("quiz", TaskType::kChoice, "acc_norm");
const TaskConfig kText = judged_by("text", TaskType::kPerplexity, "");
const TaskConfig kWritten = judged_by("written", TaskType::kGenerate, "bleu");

DropBudgets each(double amount, bool relative = false) {
  return {.each = DropBudget{amount, relative}};
}

}  // namespace

TEST_CASE("every metric has a unit, and shares and scores have an end", "[budget]") {
  CHECK(metric_unit("acc") == "accuracy");
  CHECK(metric_unit("bits_per_byte") == "bits a byte");
  CHECK(metric_maximum("exact_match") == 1);
  CHECK(metric_maximum("chrf") == 100);
  CHECK_FALSE(metric_maximum("perplexity"));
  CHECK_FALSE(metric_maximum("loss"));
  CHECK(metric_units({kQuiz, kText, kWritten}) ==
        std::map<std::string, std::string>{
            {"quiz", "accuracy"}, {"text", "perplexity"}, {"written", "BLEU"}});
  TaskConfig written_choice = judged_by("choice", TaskType::kChoice, "acc_bytes");
  written_choice.written = true;
  CHECK(judged_metric(written_choice).metric == "acc");
}

TEST_CASE("a number that a metric can never drop by is no budget of it", "[budget]") {
  for (const double amount : {1.0, 2.0, 5.0, 250.0}) {
    CAPTURE(amount);
    CHECK(budget_problem(each(amount), {kText, kQuiz}));
    CHECK_FALSE(budget_problem(each(amount), {kText}));
  }
  CHECK(has(budget_problem(each(2), {kQuiz}).value(), "write 0.02 or 2%"));
  CHECK(
      has(budget_problem(each(5), {kText, kQuiz}).value(), "acc_norm of quiz ranges from 0 to 1"));
  CHECK(has(budget_problem(each(250), {kQuiz}).value(), "below 1 or a percentage"));
  CHECK_FALSE(budget_problem(each(0.99), {kQuiz, kText}));
  CHECK_FALSE(budget_problem(each(0), {kQuiz}));
  CHECK_FALSE(budget_problem(each(2), {kWritten}));
  CHECK(has(budget_problem(each(100), {kWritten}).value(), "below 100"));
  CHECK_FALSE(budget_problem({.each = DropBudget{2, false}, .tasks = {{"quiz", {0.02, false}}}},
                             {kText, kQuiz}));
  CHECK(has(budget_problem({.tasks = {{"quis", {1, true}}}}, {kQuiz}).value(), "did you mean"));
}

TEST_CASE("a percentage that can never be exceeded is told", "[budget]") {
  CHECK(budget_notices(each(99.9, true), {kQuiz, kWritten}, "max_drop").empty());
  CHECK(budget_notices(each(900, true), {kText}, "max_drop").empty());
  const Notices notices = budget_notices(each(100, true), {kText, kQuiz, kWritten}, "max_drop");
  REQUIRE(notices.size() == 1);
  CHECK(
      notice_text(notices.front()) ==
      "max_drop: a budget of 100% or more is never exceeded by quiz, written, which can only fall "
      "to 0; write a smaller percentage");
  const DropBudgets mean{.mean = DropBudget{100, true}};
  CHECK(budget_notices(mean, {kText, kQuiz}, "max_drop").empty());
  CHECK(budget_notices(mean, {kQuiz}, "max_drop").size() == 1);
}

TEST_CASE("budgets are told with their units", "[budget]") {
  const auto units = metric_units({kQuiz, kText, kWritten});
  CHECK(budgets_text(each(2), metric_units({kText})) == "2 perplexity");
  CHECK(budgets_text(each(0.5), units) == "0.5 BLEU or accuracy or perplexity");
  CHECK(budgets_text(each(1, true), units) == "1%");
  CHECK(budgets_text({.each = DropBudget{1, true}, .tasks = {{"text", {2, false}}}}, units) ==
        "text 2 perplexity, others 1%");
}

TEST_CASE("what was meant by a text that is no budget", "[budget]") {
  CHECK(budget_hint("1 %") == "write it without a space: 1%");
  CHECK(budget_hint("0,5%") == "write the decimal point as \".\": 0.5%");
  CHECK(budget_hint("-1%") == "a budget cannot be negative");
  CHECK(budget_hint(-1) == "a budget cannot be negative");
  CHECK(has(budget_hint("0.5"), "without quotes"));
  CHECK(has(budget_hint({{"mean", 0.5}}), "write a percentage"));
  CHECK(has(budget_hint({{"each", "1%"}, {"quiz", "2 %"}}), ": 2%"));
  CHECK(budget_hint("much").empty());
}
