#include "pages/run_charts.h"

#include "catch.h"
#include "pages/markup_check.h"

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("outliers, the best validation and an early stop are marked", "[report]") {
  std::vector<Json> events;
  for (int step = 1; step <= 8; ++step) {
    events.push_back({{"step", step}, {"event", "train"}, {"loss", 3}, {"grad_norm", 1}});
  }
  events.push_back({{"step", 5}, {"event", "outlier"}, {"grad_norm", 40.0}, {"median", 1.0}});
  events.push_back({{"step", 6}, {"event", "outlier"}, {"grad_norm", nullptr}, {"median", 1.0}});
  for (const int step : {2, 4, 6}) {
    events.push_back({{"step", step}, {"event", "validation"}, {"loss", step == 4 ? 2.5 : 2.75}});
    if (step != 6) events.back()["best"] = true;
  }
  const auto chart_of = [&](const std::string& id) {
    for (const Chart& chart : run_charts(events)) {
      if (chart.id == id) return chart;
    }
    return Chart{};
  };
  const std::string norms = chart_html(chart_of("gradient-norm"));
  CHECK(count_of(norms, "<path class=\"dot warning\"") == 2);  // one of them in the legend
  CHECK(count_of(norms, "<title>outlier, step 5: 40</title>") == 1);
  const std::string before = chart_html(chart_of("loss"));
  CHECK(count_of(before, "stopped early") == 0);
  events.push_back({{"step", 8}, {"event", "early_stop"}, {"validations", 2}});
  const std::string loss = chart_html(chart_of("loss"));
  CHECK(markup_fault(loss) == "");
  CHECK(count_of(loss, "<title>best validation, step 4: 2.5</title>") == 1);
  CHECK(count_of(loss, ">stopped early</text>") == 1);
}

TEST_CASE("losses that are null are gaps", "[report]") {
  std::vector<Json> events;
  for (int step = 1; step <= 30; ++step) {
    events.push_back({{"step", step},
                      {"event", "train"},
                      {"loss", step == 10 ? Json() : Json(3.0 - 0.05 * step)}});
  }
  events.push_back({{"step", 0}, {"event", "validation"}, {"loss", nullptr}});
  const std::vector<Chart> charts = run_charts(events);
  REQUIRE(charts.size() == 1);
  REQUIRE(charts[0].series.size() == 2);  // as logged, and smoothed; nothing of validation
  CHECK(charts[0].series[0].points.size() == 30);
  CHECK_FALSE(is_drawable(charts[0].series[1].points[9].y));
  CHECK(is_drawable(charts[0].series[1].points[10].y));
}

TEST_CASE("smoothing starts at the first value and follows the mean", "[report]") {
  const std::vector<ChartPoint> mean = smoothed({{1, 4}, {2, 1}, {3, 1}}, 3);
  CHECK(mean[0].y == Approx(4));
  CHECK(mean[1].y == Approx(2));             // (4 · 1/4 + 1 · 1/2) / (3/4)
  CHECK(mean[2].y == Approx(1.25 / 0.875));  // weights 1/8, 1/4, 1/2
}
