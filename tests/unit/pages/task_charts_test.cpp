#include "pages/task_charts.h"

#include "catch.h"
#include "pages/evaluated_charts.h"

#include <cmath>
#include <set>

using namespace expandft;
using namespace expandft::testing;

namespace {

using Style = ChartSeries::Style;

Json task(const std::string& name, bool original, const Json& loss) {
  return {{"task", name}, {"original", original}, {"loss", loss}};
}

/// Two tasks, of which the old one is forgotten and the new one learned.
Json tasks_at(double share) {
  return {task("new", false, 4 - 2 * share), task("old", true, 1.5 + 0.1 * share)};
}

Json strengths_at(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(strength(value, tasks_at(value)));
  return list;
}

}  // namespace

TEST_CASE("evaluations become changes against step 0, and losses of new tasks", "[report]") {
  const std::vector<Chart> charts = task_charts({evaluation(20, tasks_at(1)),
                                                 {{"step", 5}, {"event", "train"}, {"loss", 9}},
                                                 evaluation(0, tasks_at(0)),
                                                 evaluation(10, tasks_at(0.5))});
  REQUIRE(ids_of(charts) == ChartIds{"skill-and-forgetting", "forgetting", "new-tasks"});
  const Chart& changes = charts[0];
  REQUIRE(changes.series.size() == 2);
  CHECK(changes.series[0].name == "old");  // original tasks come first
  CHECK(changes.series[0].style == Style::kSolid);
  CHECK(changes.series[0].group == "Original tasks");
  CHECK(changes.series[1].name == "new");
  CHECK(changes.series[1].style == Style::kDashed);
  CHECK(changes.series[1].group == "New tasks");
  REQUIRE(changes.series[1].points.size() == 3);
  CHECK(changes.series[1].points[0].y == 0);
  CHECK(changes.series[1].points[1].x == 10);
  CHECK(changes.series[1].points[2].y == Approx(-2));
  CHECK(changes.series[0].points[2].y == Approx(0.1));
  REQUIRE(charts[1].series.size() == 1);
  CHECK(charts[1].series[0].points[2].y == Approx(0.1));
  CHECK(charts[2].series[0].points[2].y == Approx(2));
  CHECK(charts[2].series[0].tone == changes.series[1].tone);  // a task keeps its colour
  const std::string svg = chart_html(changes);
  for (const char* const text :
       {">Original tasks:<", ">New tasks:<", ">as the base<", "<path class=\"reference\""}) {
    CAPTURE(text);
    CHECK(count_of(svg, text) == 1);
  }
  CHECK(count_of(svg, "<title>new, step 20: -2</title>") == 1);
}

TEST_CASE("without step 0 there are losses but no changes; of two steps only changes", "[report]") {
  CHECK(ids_of(task_charts({evaluation(10, tasks_at(0)), evaluation(20, tasks_at(0.5)),
                            evaluation(30, tasks_at(1))})) ==
        ChartIds{"original-tasks", "new-tasks"});
  CHECK(ids_of(task_charts({evaluation(0, tasks_at(0)), evaluation(30, tasks_at(1))})) ==
        ChartIds{"skill-and-forgetting"});
  CHECK(ids_of(task_charts({evaluation(0, tasks_at(0))})).empty());
}

TEST_CASE("the last of several evaluations at a step counts", "[report]") {
  const std::vector<Chart> charts = task_charts({evaluation(0, Json::array({task("a", true, 1)})),
                                                 evaluation(8, Json::array({task("a", true, 2)})),
                                                 evaluation(8, Json::array({task("a", true, 3)}))});
  REQUIRE(charts.size() == 1);
  REQUIRE(charts[0].series[0].points.size() == 2);
  CHECK(charts[0].series[0].points[1].y == Approx(2));
}

TEST_CASE("malformed evaluations and losses that are not numbers draw nothing", "[report]") {
  for (const Json& tasks :
       {Json(), Json(3), Json::array({1, nullptr, Json::array(), Json::object()}),
        Json::array({{{"task", 4}, {"loss", 1}},
                     {{"task", "a"}},
                     task("b", true, nullptr),
                     task("c", true, "low")})}) {
    CAPTURE(tasks.dump());
    CHECK(task_charts({evaluation(0, tasks), evaluation(1, tasks), evaluation(2, tasks)}).empty());
    CHECK(strength_charts({strength(0, tasks), strength(1, tasks)}, 1.0).empty());
  }
  CHECK(task_charts({Json(1), {{"event", "evaluation"}}, {{"event", "evaluation"}, {"step", "x"}}})
            .empty());
}

TEST_CASE("a loss that is null is a gap in the task's line", "[report]") {
  const std::vector<Chart> charts = task_charts(
      {evaluation(0, tasks_at(0)), evaluation(10, Json::array({task("old", true, nullptr)})),
       evaluation(20, tasks_at(1)), evaluation(30, tasks_at(1))});
  REQUIRE(charts.size() == 3);
  CHECK_FALSE(is_drawable(charts[0].series[0].points[1].y));
  const std::string svg = chart_html(charts[0]);
  CHECK(count_of(svg, "nan") + count_of(svg, "inf") == 0);
}

TEST_CASE("strengths become a curve and a trade-off, with the run's own marked", "[report]") {
  const std::vector<Chart> charts = strength_charts(strengths_at({0, 0.25, 0.5, 1}), 0.5);
  REQUIRE(ids_of(charts) == ChartIds{"strength-curve", "trade-off"});
  const std::string curve = chart_html(charts[0]);
  CHECK(count_of(curve, ">this run: 0.5</text>") == 1);
  CHECK(count_of(curve, ">strength</text>") == 1);
  CHECK(count_of(curve, "<title>new, strength 0.25: -0.5</title>") == 1);
  REQUIRE(charts[1].series.size() == 2);
  const std::vector<ChartPoint>& points = charts[1].series[0].points;
  REQUIRE(points.size() == 4);
  CHECK(points[0].label == "0");
  CHECK(points[1].label == "0.25");
  CHECK(points[2].label == "0.5");
  CHECK(points[3].x == Approx(1.6));
  CHECK(points[3].y == Approx(2));
  CHECK(charts[1].series[1].points[0].x == points[2].x);
  CHECK(count_of(chart_html(charts[1]), "<circle class=\"dot ring\"") ==
        2);  // one of them in the legend
  // A strength of its own that is unknown is not marked.
  const std::vector<Chart> unmarked = strength_charts(strengths_at({0, 1}), std::nullopt);
  REQUIRE(unmarked.size() == 2);
  CHECK(count_of(chart_html(unmarked[0]), "this run") == 0);
  CHECK(count_of(chart_html(unmarked[1]), "dot ring") == 0);
}

TEST_CASE("the strength's axis reaches from 0 to 1", "[report]") {
  const std::string svg = chart_html(strength_charts(strengths_at({0, 0.3}), std::nullopt).at(0));
  for (const char* const label : {">0.6<", ">0.8<", ">1.0<"}) {
    CAPTURE(label);
    CHECK(count_of(svg, label) == 1);
  }
}

TEST_CASE("one strength, or none, is no curve", "[report]") {
  for (const Json& none :
       {Json(), Json(2), Json::object(), Json::array(), Json::array({3, nullptr}),
        strengths_at({0.5}), strengths_at({0.5, 0.5}), Json::array({{{"tasks", tasks_at(0)}}})}) {
    CAPTURE(none.dump());
    CHECK(strength_charts(none, 0.5).empty());
  }
  const Json infinite = {strength(0, tasks_at(0)), strength(INFINITY, tasks_at(1))};
  CHECK(strength_charts(infinite, NAN).empty());
}

TEST_CASE("a trade-off needs tasks of both kinds, and all of their losses", "[report]") {
  const Json kept = {strength(0, Json::array({task("old", true, 1)})),
                     strength(1, Json::array({task("old", true, 2)}))};
  CHECK(ids_of(strength_charts(kept, 1.0)) == ChartIds{"strength-curve"});
  Json list = strengths_at({0, 0.5, 1});
  list[1]["tasks"][0]["loss"] = nullptr;
  const std::vector<Chart> charts = strength_charts(list, 1.0);
  REQUIRE(charts.size() == 2);
  CHECK(charts[1].series[0].points.size() == 2);
  // Without strength 0, losses instead of changes.
  const std::vector<Chart> later = strength_charts(strengths_at({0.5, 1}), 1.0);
  REQUIRE(later.size() == 2);
  CHECK(later[0].unit == "loss, nats per token");
  CHECK(later[0].series[0].points[0].y == Approx(1.55));
}

TEST_CASE("twelve tasks with very long names are told apart", "[report]") {
  const std::string family(400, 'x');
  const auto tasks = [&](double share) {
    Json list = Json::array();
    for (int i = 0; i < 12; ++i) {
      list.push_back(task(family + " <" + std::to_string(i) + ">", i < 6, 2 + i + share));
    }
    return list;
  };
  const std::vector<Chart> charts =
      task_charts({evaluation(0, tasks(0)), evaluation(1, tasks(1)), evaluation(2, tasks(2))});
  REQUIRE(charts.size() == 3);
  std::set<std::string> looks;
  const std::string svg = chart_html(charts[0]);
  CHECK(markup_fault(svg) == "");
  for (const ChartSeries& series : charts[0].series) {
    looks.insert(std::to_string(series.tone % 5) + " " + std::to_string(series.tone % 6));
    const std::size_t number = &series - charts[0].series.data();
    CHECK(count_of(svg, "x &lt;" + std::to_string(number) + "&gt;</li>") == 1);
  }
  CHECK(looks.size() == 12);
}
