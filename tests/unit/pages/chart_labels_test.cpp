#include "pages/chart_labels.h"

#include "catch.h"
#include "pages/chart_legend.h"

#include <cmath>

using namespace expandft;

namespace {

constexpr LabelPlacer::Box kFrame = {0, 0, 400, 200};

}  // namespace

TEST_CASE("labels beside one point do not cover each other", "[report]") {
  LabelPlacer labels(kFrame);
  const auto first = labels.beside(200, 100, 50), second = labels.beside(200, 100, 50);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->anchor == "start");
  CHECK((second->x != first->x || std::abs(second->y - first->y) > 12));
  std::size_t placed = 2;
  while (placed < 20 && labels.beside(200, 100, 50)) ++placed;
  CHECK(placed < 8);  // then there is no room left
}

TEST_CASE("labels stay within the chart and off what is drawn", "[report]") {
  LabelPlacer labels(kFrame);
  const auto at_end = labels.beside(395, 100, 60);
  REQUIRE(at_end);
  CHECK(at_end->x - 60 < 340);  // to the left, or over the point
  CHECK_FALSE(labels.beside(200, 150, 500));
  LabelPlacer crossed(kFrame);
  crossed.avoid_line(200, 100, 400, 100);
  const auto place = crossed.beside(200, 100, 50);
  REQUIRE(place);
  CHECK((place->y < 100 || place->y > 108));  // not on the line
  LabelPlacer busy(kFrame);
  busy.avoid_line(200, 90, 400, 90);
  const auto along = busy.along_horizontal(100, 60);
  REQUIRE(along);
  CHECK((along->y > 100 || along->x < 200));
  CHECK(busy.along_vertical(399, 60)->anchor == "end");
}

TEST_CASE("long names keep both ends", "[report]") {
  CHECK(cut_in_middle("short", 9) == "short");
  CHECK(cut_in_middle("abcdefghijklmnop", 9) == "abcd…mnop");
  CHECK(cut_in_middle("日本語の名前です", 9) == "日本…です");
  CHECK(cut_in_middle("abc", 2) == "a…");
}

TEST_CASE("a legend wraps into rows within its width", "[report]") {
  Chart chart;
  for (std::size_t i = 0; i < 12; ++i) {
    chart.series.push_back({"series number " + std::to_string(i),
                            ChartSeries::Style::kSolid,
                            {{0, 1}, {1, 2}},
                            i,
                            i < 5 ? "first" : "second"});
  }
  const std::vector<LegendEntry> legend = legend_of(chart, 4, 396);
  REQUIRE(legend.size() == 14);
  CHECK(legend[0].text == "first:");
  CHECK(legend[6].text == "second:");
  CHECK(legend[6].left == 4);
  for (std::size_t i = 0; i < legend.size(); ++i) {
    const double width =
        (legend[i].series != nullptr ? kLegendSwatch : 0) + label_width(legend[i].text);
    CHECK(legend[i].left + width <= 396);
    if (i == 0) continue;
    const bool later = legend[i].row > legend[i - 1].row;
    CHECK((later ? legend[i].left == 4 : legend[i].left > legend[i - 1].left));
  }
  // A single plain line is named by the chart's title.
  chart.series = {{"only", ChartSeries::Style::kMain, {{0, 1}}}};
  CHECK(legend_of(chart, 4, 396).empty());
}
