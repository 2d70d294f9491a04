#include "config/drop_budget.h"

#include "base/error.h"
#include "catch.h"

using namespace expandft;

TEST_CASE("budgets are read and written") {
  CHECK(parse_budget("1%") == DropBudget{1, true});
  CHECK(parse_budget("0.05") == DropBudget{0.05, false});
  CHECK(budget_text(*parse_budget("1.5%")) == "1.5%");
  CHECK(budget_text(*parse_budget("0")) == "0");
  for (const char* text : {"", "%", "one", "1 %", "-1%", "1%%", "nan", "inf", "1e999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_budget(text));
    DropBudgets budgets;
    CHECK_THROWS_AS(add_budget(text, "--max-drop", budgets), Error);
  }
}

TEST_CASE("budgets of each task, of one, and of the mean") {
  DropBudgets budgets;
  for (const char* text : {"1%", "piqa=0.02", "mean=0.5%"}) add_budget(text, "--max-drop", budgets);
  CHECK(budgets.of("piqa") == DropBudget{0.02, false});
  CHECK(budgets.of("boolq") == DropBudget{1, true});
  CHECK(budgets.mean == DropBudget{0.5, true});
  CHECK(budgets_text(budgets) == "piqa 0.02, others 1%, mean 0.5%");
  CHECK(budgets_json(budgets) == Json({{"each", "1%"}, {"mean", "0.5%"}, {"piqa", 0.02}}));
  CHECK_THROWS_AS(add_budget("mean=0.5", "--max-drop", budgets), Error);  // of which unit?
  CHECK_THROWS_AS(add_budget("=1%", "--max-drop", budgets), Error);
  CHECK_FALSE(DropBudgets{}.any());
  CHECK_FALSE(DropBudgets{}.of("piqa"));
}

TEST_CASE("a budget of a task that is not there is told, with the nearest") {
  const DropBudgets budgets{.tasks = {{"pica", {1, true}}}};
  CHECK_THAT(unknown_budget(budgets, {"piqa", "boolq"}).value(),
             has_text("\"pica\"") && has_text("did you mean \"piqa\"?"));
  CHECK_FALSE(unknown_budget(budgets, {"pica"}));
  CHECK_FALSE(unknown_budget({.each = DropBudget{1, true}}, {}));
}

TEST_CASE("budgets in a config are a text, a number or an object") {
  CHECK(budgets_of("1%")->each == DropBudget{1, true});
  CHECK(budgets_of(0.5)->each == DropBudget{0.5, false});
  const Json object = {{"each", "2%"}, {"mean", "1%"}, {"wikitext", 0.5}};
  const auto budgets = budgets_of(object);
  REQUIRE(budgets);
  CHECK(budgets_json(*budgets) == object);
  CHECK(budgets_json(*budgets_of("1%")) == "1%");
  CHECK(budgets_json({}).is_null());
  for (const Json& bad : {Json(-1), Json("1"), Json(true), Json::array(), Json({{"mean", 1}}),
                          Json({{"", "1%"}}), Json({{"piqa", "two"}})}) {
    CAPTURE(bad.dump());
    CHECK_FALSE(budgets_of(bad));
  }
}
