#include "training/gradient_norms.h"

#include "catch.h"

namespace expandft {
namespace {

TEST_CASE("a norm far above the median of those before it is an outlier") {
  GradientNorms norms;
  for (std::size_t i = 0; i < GradientNorms::kFewest; ++i) {
    CHECK_FALSE(norms.add(i % 2 == 0 ? 1.0 : 3.0));
  }
  CHECK_FALSE(norms.add(30.0));  // 10 times the upper of the middle two, not more
  CHECK(norms.add(30.1) == 3.0);
  // Outliers among the norms do not hide those that follow.
  for (int i = 0; i < 8; ++i) CHECK(norms.add(1000.0) == 3.0);
}

TEST_CASE("few norms, or norms of nothing, are no measure") {
  GradientNorms few;
  for (std::size_t i = 0; i + 1 < GradientNorms::kFewest; ++i) few.add(1e-3);
  CHECK_FALSE(few.add(1e6));
  GradientNorms none;
  for (int i = 0; i < 40; ++i) none.add(0);
  CHECK_FALSE(none.add(1.0));
}

TEST_CASE("the newest norms count, also after they were saved") {
  GradientNorms norms;
  for (int i = 0; i < 50; ++i) norms.add(1.0);
  for (int i = 0; i < 50; ++i) norms.add(100.0);
  CHECK(norms.recent() == std::vector<double>(GradientNorms::kWindow, 100.0));
  GradientNorms again(norms.recent());
  CHECK_FALSE(again.add(900.0));
  CHECK(again.add(1100.0) == 100.0);
  CHECK(GradientNorms(std::vector<double>(80, 2.0)).recent().size() == GradientNorms::kWindow);
}

TEST_CASE("warnings have a pause between them, and say what was held back") {
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
