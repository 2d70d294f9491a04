#include "pages/chart.h"

#include "catch.h"
#include "pages/markup_check.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

using namespace expandft;
using namespace expandft::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Chart chart_of(std::vector<ChartPoint> points,
               ChartSeries::Style style = ChartSeries::Style::kPlain) {
  Chart chart{.id = "loss", .title = "Loss <1>", .unit = "nats & more"};
  chart.series.push_back({"a \"b\"", style, std::move(points)});
  return chart;
}

}  // namespace

TEST_CASE("a chart is well-formed, titled and described", "[report]") {
  const std::string svg = chart_html(chart_of({{1, 4.0}, {2, 3.0}, {3, 3.5}}));
  CHECK(markup_fault(svg) == "");
  CHECK(count_of(svg, "role=\"img\" aria-labelledby=\"loss-title loss-description\"") == 1);
  CHECK(count_of(svg, "<title id=\"loss-title\">Loss &lt;1&gt;</title>") == 1);
  CHECK(count_of(svg, "<figure><h3>Loss &lt;1&gt;</h3>\n<svg") == 1);  // no legend for one line
  CHECK(count_of(svg, "3 points, from 4 (step 1) to 3.5 (step 3), lowest 3, highest 4.") == 1);
  CHECK(count_of(svg, ">nats &amp; more</text>") == 1);
  // Four is at the top of the axis, three at its foot.
  CHECK(count_of(svg, "<path class=\"series plain\" d=\"M46 24L217 188L388 106\"/>") == 1);
}

TEST_CASE("values that are not finite are gaps, and an isolated point is a dot", "[report]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string svg =
      chart_html(chart_of({{0, 1}, {1, 2}, {2, kNaN}, {3, 1}, {4, infinity}, {5, 2}, {6, 1}}));
  CHECK(markup_fault(svg) == "");
  CHECK(count_of(svg, "d=\"M46 188L103 24M331 24L388 188\"") == 1);
  CHECK(count_of(svg, "<circle class=\"dot plain\"") == 1);
  CHECK(count_of(svg, "nan") + count_of(svg, "inf") == 0);
}

TEST_CASE("one point is a chart", "[report]") {
  const std::string svg = chart_html(chart_of({{1, 2.5}}));
  CHECK(markup_fault(svg) == "");
  CHECK(count_of(svg, "<circle") == 1);
  CHECK(count_of(svg, "series plain") == 0);
  CHECK(count_of(svg, "1 point, from 2.5 (step 1)") == 1);
}

TEST_CASE("several series have a legend and differ in more than colour", "[report]") {
  Chart chart = chart_of({{1, 2}, {2, 1}});
  chart.series.push_back({"validation", ChartSeries::Style::kDashed, {{0, 2}, {2, 1}}});
  const std::string html = chart_html(chart);
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, "<ul class=\"legend\">") == 1);
  CHECK(count_of(html, "</svg>a &quot;b&quot;</li>") == 1);
  CHECK(count_of(html, "</svg>validation</li>") == 1);
  CHECK(count_of(html, "<path class=\"series dashed c0\"") == 2);  // one of them in the legend
  CHECK(count_of(html, "<circle class=\"dot dashed c0\"") == 3);   // two points and the legend
  CHECK(count_of(html, "<title>validation, step 2: 1</title>") == 1);
}

TEST_CASE("each group of series has a list with its name in the legend", "[report]") {
  Chart chart{.id = "tasks", .title = "Tasks"};
  for (std::size_t i = 0; i < 4; ++i) {
    chart.series.push_back({"task " + std::to_string(i),
                            ChartSeries::Style::kSolid,
                            {{0, 1}, {1, 2}},
                            i,
                            i < 2 ? "first" : "second"});
  }
  const std::string html = chart_html(chart);
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, "<ul class=\"legend\">\n<li>first:</li>\n") == 1);
  CHECK(count_of(html, "</ul>\n<ul class=\"legend\">\n<li>second:</li>\n") == 1);
}

TEST_CASE("labels are within the chart and do not cover the one before", "[report]") {
  Chart chart = chart_of({{0, 1, "left"}, {0, 1.001, "hidden"}, {9, 2, "right"}});
  chart.lines = {{2, "two", false}, {8, "eight"}};
  const std::string html = chart_html(chart);
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, "text-anchor=\"start\">left</text>") == 1);
  CHECK(count_of(html, "text-anchor=\"end\">right</text>") == 1);
  CHECK(count_of(html, ">hidden</text>") == 0);
  CHECK(count_of(html, "text-anchor=\"end\">eight</text>") == 1);
  CHECK(count_of(html, "y=\"37\" text-anchor=\"end\">two</text>") == 1);  // below its line
}

TEST_CASE("thinning keeps spikes, gaps and both ends", "[report]") {
  std::vector<ChartPoint> points;
  for (int i = 0; i < 100000; ++i) points.push_back({double(i), 1 + 0.1 * std::sin(i)});
  points[51234].y = 50;
  points[77777].y = -3;
  points[90001].y = kNaN;
  const std::vector<ChartPoint> few = thinned(points, 1000);
  CHECK(few.size() <= 1000);
  CHECK(few.size() >= 600);
  const auto has_point = [&](double x) {
    return std::ranges::any_of(few, [&](const ChartPoint& point) { return point.x == x; });
  };
  for (const double x : {0.0, 51234.0, 77777.0, 90001.0, 99999.0}) CHECK(has_point(x));
  CHECK(std::ranges::is_sorted(few, std::less_equal(), &ChartPoint::x));
  CHECK(thinned(points, points.size()).size() == points.size());
  CHECK(chart_html(chart_of(points)).size() < 30000);
}
