#include "pages/chart_axis.h"

#include "catch.h"

#include <cmath>

using namespace expandft;

namespace {

using Labels = std::vector<std::string>;

Labels value_labels(double low, double high) {
  return tick_labels(value_axis(low, high, 5));
}

}  // namespace

TEST_CASE("ticks of values are round, and enclose them", "[report]") {
  CHECK(value_labels(2.13, 4.02) == Labels{"2.0", "2.5", "3.0", "3.5", "4.0", "4.5"});
  CHECK(value_labels(0, 1) == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(value_labels(0, 2e-4) == Labels{"0", "0.5e-4", "1.0e-4", "1.5e-4", "2.0e-4"});
  CHECK(value_labels(0, 48700) == Labels{"0", "10 K", "20 K", "30 K", "40 K", "50 K"});
  CHECK(value_labels(-1.5e6, 2.1e6) == Labels{"-2 M", "-1 M", "0", "1 M", "2 M", "3 M"});
  CHECK(value_labels(0.00021, 0.00093) == Labels{"0.2e-3", "0.4e-3", "0.6e-3", "0.8e-3", "1.0e-3"});
}

TEST_CASE("equal values get room", "[report]") {
  for (const double value : {0.0, 3.0, -3.0, 1e-200, 1e99, -1e99}) {
    const ChartAxis axis = value_axis(value, value, 5);
    CHECK(axis.low < axis.high);
    CHECK(axis.share(value) >= 0);
    CHECK(axis.share(value) <= 1);
    CHECK(axis.ticks.size() >= 2);
  }
}

TEST_CASE("ticks stay few and finite for every range", "[report]") {
  for (const double low : {-1e99, -7.0, 0.0, 1e-30, 0.3, 12345.6}) {
    for (const double width : {1e-40, 1e-12, 0.37, 5.0, 99999.0, 1e99}) {
      const ChartAxis axis = value_axis(low, low + width, 5);
      CHECK(axis.share(low) >= -1e-6);
      CHECK(axis.share(low + width) <= 1 + 1e-6);
      CHECK(axis.ticks.size() >= 2);
      CHECK(axis.ticks.size() <= 8);
      for (const double tick : axis.ticks) CHECK(std::isfinite(tick));
      CHECK(tick_labels(axis).size() == axis.ticks.size());
    }
  }
}

TEST_CASE("steps have whole ticks between the first and the last", "[report]") {
  const auto labels = [](double low, double high) { return tick_labels(step_axis(low, high, 6)); };
  CHECK(labels(0, 300) == Labels{"0", "50", "100", "150", "200", "250", "300"});
  CHECK(labels(1, 8) == Labels{"2", "4", "6", "8"});
  CHECK(labels(1, 3) == Labels{"1", "2", "3"});
  CHECK(labels(7, 7) == Labels{"7", "8"});
  CHECK(labels(0, 120000) == Labels{"0", "20 K", "40 K", "60 K", "80 K", "100 K", "120 K"});
}
