#include "pages/task_table.h"

#include "catch.h"
#include "pages/markup_check.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// As comparison_json has a task.
Json task(const std::string& metric, const std::string& kind, double base, double tuned,
          double difference) {
  const bool higher = kind != "perplexity";
  return {{"task", "a"},
          {"metric", metric},
          {"base", {{metric, base}}},
          {"tuned", {{metric, tuned}}},
          {"difference", difference},
          {"standard_error", 0.01},
          {"relative_change", tuned / base - 1},
          {"p_value", nullptr},
          {"flips", nullptr},
          {"metrics", {{{"metric", metric}, {"kind", kind}, {"higher_is_better", higher}}}}};
}

std::string table_of(const Json& task, TaskColumns columns = TaskColumns::kShort) {
  const std::string html = task_table_html({{"original_tasks", {task}}}, columns, "tasks");
  CHECK(markup_fault(html) == "");
  return html;
}

}  // namespace

TEST_CASE("perplexities change in percent, other metrics in their own unit", "[report]") {
  const std::string perplexity = table_of(task("ppl", "perplexity", 10, 12, 0.182321557));
  CHECK(count_of(perplexity, ">10.000</td>") == 1);
  CHECK(count_of(perplexity, ">+20.00%</td>") == 1);
  CHECK(count_of(perplexity, ">1.20%</td>") == 1);  // 0.01 of the logarithm, times 1.2
  CHECK(count_of(perplexity, "lower is better\">↓") == 1);

  const std::string share = table_of(task("acc", "mean", 0.5, 0.45, -0.05));
  CHECK(count_of(share, ">0.4500</td>") == 1);
  CHECK(count_of(share, ">-0.0500</td>") == 1);
  CHECK(count_of(share, ">0.0100</td>") == 1);
  CHECK(count_of(share, "higher is better\">↑") == 1);

  CHECK(count_of(table_of(task("score", "bleu", 20, 30.5, 10.5)), ">+10.50</td>") == 1);
}

TEST_CASE("p-values and flipped answers have columns in the full table", "[report]") {
  Json flipped = task("acc", "mean", 0.5, 0.45, -0.05);
  flipped["p_value"] = 0.0123;
  flipped["flips"] = {{"answers", 100}, {"changed", 20}, {"lost", 12}, {"gained", 7}};
  CHECK(count_of(table_of(flipped), "p-value") == 0);
  const std::string all = table_of(flipped, TaskColumns::kAll);
  CHECK(count_of(all, "data-label=\"p-value\">0.0123</td>") == 1);
  CHECK(count_of(all, "data-label=\"Lost\">12</td>") == 1);
  CHECK(count_of(all, "data-label=\"Gained\">7</td>") == 1);
  CHECK(count_of(all, "colspan=\"10\"") == 1);
  flipped["p_value"] = 1e-9;
  CHECK(count_of(table_of(flipped, TaskColumns::kAll), ">&lt;0.0001</td>") == 1);
}

TEST_CASE("all forms of budgets appear in words", "[report]") {
  Json comparison = {{"tasks", {task("acc", "mean", 0.5, 0.45, -0.05)}}};
  const auto html = [&](const Json& budget) {
    comparison["max_drop"] = budget;
    return task_table_html(comparison, TaskColumns::kShort, "tasks");
  };
  CHECK(count_of(html("1%"), "original tasks: 1%.<") == 1);
  CHECK(count_of(html(0.5), "original tasks: 0.5.<") == 1);
  CHECK(count_of(html({{"each", "1%"}, {"mean", "0.5%"}, {"piqa", 0.02}}),
                 "original tasks: piqa 0.02, others 1%, mean 0.5%.<") == 1);
  CHECK(count_of(html(nullptr), "Budget") == 0);
  CHECK(count_of(html("<lots>"), "original tasks: &lt;lots&gt;.<") == 1);
  CHECK(count_of(html(Json::array({1})), "original tasks: [1].<") == 1);
}

TEST_CASE("missing values of a comparison are dashes", "[report]") {
  for (const Json& damaged :
       {Json::object(), Json{{"metric", 3}, {"base", 4}, {"flips", {1}}, {"metrics", "none"}},
        Json{{"metric", "acc"}, {"base", {{"acc", "high"}}}, {"metrics", {1, nullptr}}}}) {
    CAPTURE(damaged.dump());
    CHECK(count_of(table_of(damaged, TaskColumns::kAll), ">-</td>") == 7);
  }
}
