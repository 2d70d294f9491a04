#include "kernels/product_probe.h"

#include "catch.h"

#include <cmath>

namespace expandft {
namespace {

TEST_CASE("a probe of products gives times in both formats") {
  const auto seconds = time_products(512, 512);
  REQUIRE(seconds);
  for (const double one : {seconds->float32, seconds->bfloat16}) {
    CHECK(one > 0);
    CHECK(std::isfinite(one));
  }
}

TEST_CASE("products of small matrices are not timed") {
  CHECK_FALSE(time_products(64, 172));
}

}  // namespace
}  // namespace expandft
