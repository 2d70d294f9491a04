#include "catch.h"
#include "pages/evaluated_charts.h"
#include "pages/task_charts.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// A task whose metric is better when higher.
Json scored(const std::string& name, const std::string& metric, const Json& value,
            const Json& loss = nullptr) {
  return {{"task", name},   {"original", false},        {"metric", metric},
          {"value", value}, {"higher_is_better", true}, {"loss", loss}};
}

/// A task with a loss alone, one with scores alone (of 1 and of 100), and one with both.
Json mixed_tasks(double share) {
  const Json old = {{"task", "old"}, {"original", true}, {"loss", 1 + share}};
  return {old, scored("write", "exact_match", 0.25 + share / 2),
          scored("translate", "bleu", 0.5 + 20 * share), scored("choose", "acc", share, 3 - share)};
}

}  // namespace

TEST_CASE("tasks whose metric is better when higher have charts of their scores", "[report]") {
  const std::vector<Chart> charts =
      task_charts({evaluation(0, mixed_tasks(0)), evaluation(10, mixed_tasks(0.5)),
                   evaluation(20, mixed_tasks(1))});
  REQUIRE(ids_of(charts) ==
          ChartIds{"skill-and-forgetting", "forgetting", "new-tasks", "scores", "scores-of-100"});
  REQUIRE(charts[2].series.size() == 1);  // without the tasks that have no loss
  CHECK(charts[2].series[0].name == "choose");
  REQUIRE(charts[3].series.size() == 2);
  CHECK(charts[3].series[0].name == "write (exact_match)");
  CHECK(charts[3].series[0].points[2].y == Approx(0.75));
  CHECK(charts[3].series[1].name == "choose (acc)");
  CHECK(charts[3].series[1].style == ChartSeries::Style::kDashed);
  CHECK(charts[3].series[1].tone == charts[2].series[0].tone);  // a task keeps its colour
  REQUIRE(charts[4].series.size() == 1);
  CHECK(charts[4].series[0].points[0].y == Approx(0.5));  // of 100, as its other scores
  CHECK(charts[4].series[0].points[2].y == Approx(20.5));
}

TEST_CASE("scores that are null are gaps, and one score is no line", "[report]") {
  const auto alone = [](const Json& value) { return Json::array({scored("a", "acc", value)}); };
  const std::vector<Chart> charts = task_charts(
      {evaluation(0, alone(0.5)), evaluation(1, alone(nullptr)), evaluation(2, alone(0.75))});
  REQUIRE(ids_of(charts) == ChartIds{"scores"});
  CHECK_FALSE(is_drawable(charts[0].series[0].points[1].y));
  CHECK(task_charts({evaluation(0, alone(0.5)), evaluation(1, alone("high"))}).empty());
  Json lower = alone(0.5);
  lower[0]["higher_is_better"] = false;
  CHECK(task_charts({evaluation(0, lower), evaluation(1, lower)}).empty());
}

TEST_CASE("strengths have scores too, and tasks without losses do not hide others", "[report]") {
  const std::vector<Chart> charts =
      strength_charts({strength(0, mixed_tasks(0)), strength(1, mixed_tasks(1))}, 1.0);
  REQUIRE(ids_of(charts) ==
          ChartIds{"strength-curve", "trade-off", "strength-scores", "strength-scores-of-100"});
  CHECK(charts[0].series.size() == 2);
  CHECK(charts[1].series[0].points.size() == 2);
  CHECK(count_of(chart_html(charts[2]), ">this run: 1</text>") == 1);
  CHECK(charts[2].x_name == "strength");
}
