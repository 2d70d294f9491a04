#include "training/health.h"

#include "catch.h"

#include <limits>

namespace expandft {
namespace {

TEST_CASE("a norm far above the median of those before it is an outlier") {
  GradientNorms norms;
  for (std::size_t i = 0; i < GradientNorms::kFewest; ++i) {
    CHECK_FALSE(norms.add(i % 2 == 0 ? 1.0 : 3.0));
  }
  CHECK_FALSE(norms.add(30.0));  // exactly 10 times the upper one of the middle two
  CHECK(norms.add(30.1) == 3.0);
  // Outliers among the norms do not hide those that follow.
  for (int i = 0; i < 8; ++i) CHECK(norms.add(1000.0) == 3.0);
}

TEST_CASE(
    "the first number that is not finite is named, and an overflow is distinguished from a bad "
    "loss") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CHECK_FALSE(StepNumbers{.loss = 1, .gradient_norm = 2}.non_finite());
  const StepNumbers overflow{.loss = 1, .gradient_norm = kInfinity, .retention = 0.5};
  CHECK(overflow.non_finite()->first == std::string("gradient norm"));
  CHECK(overflow.has_overflow());
  const StepNumbers bad{.loss = kInfinity, .gradient_norm = kInfinity};
  CHECK(bad.non_finite()->first == std::string("loss"));
  CHECK_FALSE(bad.has_overflow());
}

TEST_CASE("too few norms, or a median of 0, give no outliers") {
  GradientNorms few;
  for (std::size_t i = 0; i + 1 < GradientNorms::kFewest; ++i) few.add(1e-3);
  CHECK_FALSE(few.add(1e6));
  GradientNorms none;
  for (int i = 0; i < 40; ++i) none.add(0);
  CHECK_FALSE(none.add(1.0));
}

TEST_CASE("only the newest norms count, also in a resumed run") {
  GradientNorms norms;
  for (int i = 0; i < 50; ++i) norms.add(1.0);
  for (int i = 0; i < 50; ++i) norms.add(100.0);
  CHECK(norms.recent() == std::vector<double>(GradientNorms::kWindow, 100.0));
  GradientNorms again(norms.recent());
  CHECK_FALSE(again.add(900.0));
  CHECK(again.add(1100.0) == 100.0);
  CHECK(GradientNorms(std::vector<double>(80, 2.0)).recent().size() == GradientNorms::kWindow);
}

TEST_CASE("warnings are spaced out, and say how many were suppressed") {
  WarningLimit limit;
  CHECK(limit.show(7) == 0);
  CHECK_FALSE(limit.show(8));
  CHECK_FALSE(limit.show(106));
  CHECK(limit.show(107) == 2);
  CHECK_FALSE(limit.show(108));
  CHECK(limit.show(500) == 1);
}

}  // namespace
}  // namespace expandft
