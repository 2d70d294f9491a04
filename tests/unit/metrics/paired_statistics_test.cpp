#include "metrics/paired_statistics.h"

#include "catch.h"
#include "data/random.h"
#include "metric_golden.h"
#include "tasks/expect_failure.h"

#include <cmath>
#include <vector>

using namespace expandft;

namespace {

using Numbers = std::vector<double>;

double first_over_second(std::span<const double> sums) {
  return sums[0] / sums[1];
}

// Pairs of a sum and a weight; the sum per unit of weight scatters around `mean`.
Numbers pairs(std::size_t examples, double mean, std::uint64_t seed) {
  Random random(seed);
  Numbers made;
  for (std::size_t i = 0; i < examples; ++i) {
    const double weight = static_cast<double>(random.below(20)) + 1;
    made.push_back(weight * mean + static_cast<double>(random.below(1000)) / 250 - 2);
    made.push_back(weight);
  }
  return made;
}

Numbers column(const Numbers& rows, std::size_t width, std::size_t index) {
  Numbers values;
  for (std::size_t i = index; i < rows.size(); i += width) values.push_back(rows[i]);
  return values;
}

}  // namespace

TEST_CASE("the mean's standard error equals lm-evaluation-harness's",
          "[paired_statistics][golden]") {
  const Json golden = metric_golden("statistics");
  const auto values = golden["values"].get<Numbers>();
  CHECK(mean_standard_error(values).value() ==
        Approx(golden["mean_standard_error"].get<double>()).epsilon(1e-14));
  CHECK(mean_standard_error(Numbers{3, 3, 3}) == 0.0);
  CHECK_FALSE(mean_standard_error(Numbers{1}).has_value());
  CHECK_FALSE(mean_standard_error({}).has_value());
}

TEST_CASE("a ratio's standard error is Cochran's", "[paired_statistics]") {
  // R = 6/4; rests 1 - 1.5, 2 - 1.5 and 3 - 3: sqrt(3/2 * 0.5) / 4.
  CHECK(ratio_standard_error(Numbers{1, 2, 3}, Numbers{1, 1, 2}).value() ==
        Approx(std::sqrt(0.75) / 4).epsilon(1e-14));
  // With weights of 1 it is the mean's.
  const Numbers values{0.5, 2, -1, 7};
  CHECK(ratio_standard_error(values, Numbers(4, 1)).value() ==
        Approx(mean_standard_error(values).value()).epsilon(1e-14));
  CHECK_FALSE(ratio_standard_error(Numbers{1}, Numbers{1}).has_value());
  CHECK_FALSE(ratio_standard_error(Numbers{1, 2}, Numbers{0, 0}).has_value());
  expect_failure([] { ratio_standard_error(Numbers{1, 2}, Numbers{1}); }, "2 sums have 1 weights");
}

TEST_CASE("McNemar's p equals exact arithmetic's", "[paired_statistics][golden]") {
  const Json golden = metric_golden("statistics")["mcnemar"];
  REQUIRE(golden.size() >= 12);
  for (const Json& row : golden) {
    INFO(row.dump());
    CHECK(mcnemar_p(row["only_base"].get<std::int64_t>(), row["only_tuned"].get<std::int64_t>()) ==
          Approx(row["p"].get<double>()).epsilon(1e-10));
  }
}

TEST_CASE("McNemar's p holds for large counts", "[paired_statistics]") {
  // The normal distribution with continuity correction, which is near where counts are large.
  const auto normal = [](double b, double t) {
    return std::erfc((std::abs(b - t) - 1) / std::sqrt(b + t) / std::sqrt(2.0));
  };
  CHECK(mcnemar_p(1'000'000, 1'002'000) == Approx(normal(1'000'000, 1'002'000)).epsilon(1e-4));
  CHECK(mcnemar_p(500'000'000, 500'040'000) ==
        Approx(normal(500'000'000, 500'040'000)).epsilon(1e-4));
  CHECK(mcnemar_p(0, 10'000'000) == 0);
  CHECK(mcnemar_p(10'000'000, 10'000'001) == 1);
  expect_failure([] { mcnemar_p(-1, 2); }, "expected none below 0");
}

TEST_CASE("the bootstrap finds the standard error that a formula gives", "[paired_statistics]") {
  const Numbers rows = pairs(400, 1.5, 7);
  const double formula = ratio_standard_error(column(rows, 2, 0), column(rows, 2, 1)).value();
  const double found = bootstrap_standard_error(rows, 2, first_over_second).value();
  CHECK(found == Approx(formula).epsilon(0.1));
  CHECK(bootstrap_standard_error(rows, 2, first_over_second) == found);  // to the last bit
  CHECK(bootstrap_standard_error(rows, 2, first_over_second, {.seed = 5}) != found);
  CHECK_FALSE(bootstrap_standard_error(Numbers{1, 1}, 2, first_over_second).has_value());
}

TEST_CASE("the bootstrap is the same on every platform", "[paired_statistics]") {
  const auto total = [](std::span<const double> sums) { return sums[0]; };
  const Numbers powers{1, 8, 64, 512};
  // Draws of Random(1234): two resamples, whole numbers.
  Random random(1234);
  Numbers sums(2);
  for (double& sum : sums) {
    for (int i = 0; i < 4; ++i) sum += powers[random.below(4)];
  }
  CHECK(bootstrap_standard_error(powers, 1, total, {.resamples = 2}).value() ==
        Approx(std::abs(sums[0] - sums[1]) / std::sqrt(2.0)).epsilon(1e-14));
}

TEST_CASE("a paired bootstrap removes the variance that models share", "[paired_statistics]") {
  const Numbers base = pairs(300, 1.5, 3);
  Numbers tuned = base;
  for (std::size_t i = 0; i < tuned.size(); i += 2)
    tuned[i] += 0.2 + 0.01 * static_cast<double>(i % 14);
  const PairedBootstrap result = paired_bootstrap(base, tuned, 2, first_over_second).value();
  CHECK(result.difference > 0);
  CHECK(result.p == Approx(1.0 / 1001));
  Numbers d(300);
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = tuned[2 * i] - base[2 * i];
  CHECK(result.standard_error ==
        Approx(ratio_standard_error(d, column(base, 2, 1)).value()).epsilon(0.1));
  CHECK(result.standard_error < bootstrap_standard_error(base, 2, first_over_second).value() / 2);

  const PairedBootstrap turned = paired_bootstrap(tuned, base, 2, first_over_second).value();
  CHECK(turned.difference == -result.difference);
  CHECK(turned.standard_error == Approx(result.standard_error).epsilon(1e-12));
}

TEST_CASE("a paired bootstrap finds no difference where there is none", "[paired_statistics]") {
  const Numbers base = pairs(300, 1.5, 3);
  const PairedBootstrap same = paired_bootstrap(base, base, 2, first_over_second).value();
  CHECK(same.difference == 0);
  CHECK(same.standard_error == 0);
  CHECK(same.p == 1);
  // Noise that takes turns: its p is that of the normal distribution, nearly.
  Numbers tuned = base;
  for (std::size_t i = 0; i < tuned.size(); i += 2) tuned[i] += i % 4 == 0 ? 1.1 : -1;
  const PairedBootstrap noise = paired_bootstrap(base, tuned, 2, first_over_second).value();
  const double normal =
      std::erfc(std::abs(noise.difference) / noise.standard_error / std::sqrt(2.0));
  CHECK(noise.p == Approx(normal).margin(0.06));
  CHECK(noise.p > 0.05);
}

TEST_CASE("bootstraps refuse statistics of mismatched sizes", "[paired_statistics]") {
  const Numbers four(4, 1), six(6, 1);
  expect_failure([&] { bootstrap_standard_error(four, 3, first_over_second); },
                 "4 statistics are not examples of 3 each");
  expect_failure([&] { bootstrap_standard_error(four, 0, first_over_second); },
                 "4 statistics are not examples of 0 each");
  expect_failure([&] { bootstrap_standard_error(four, 2, first_over_second, {.resamples = 1}); },
                 "at least 2 resamples, found 1");
  expect_failure([&] { paired_bootstrap(four, six, 2, first_over_second); },
                 "base has statistics of 2 examples, tuned of 3");
  expect_failure([&] { paired_bootstrap(four, four, 2, first_over_second, {.resamples = 0}); },
                 "at least 2 resamples, found 0");
  CHECK_FALSE(paired_bootstrap(Numbers{1, 1}, Numbers{1, 1}, 2, first_over_second).has_value());
}
