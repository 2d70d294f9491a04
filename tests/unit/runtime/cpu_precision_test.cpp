#include "runtime/cpu_precision.h"

#include "base/temp_directory.h"
#include "catch.h"

namespace expandft {
namespace {

using testing::has;

TEST_CASE("auto takes bfloat16 on a CPU that has a unit for it and was measured to be faster") {
  const auto choose = [](BFloat16Unit unit, double float32, double bfloat16) {
    return cpu_precision(unit, ProductSeconds{float32, bfloat16});
  };
  const PrecisionChoice amx = choose(BFloat16Unit::kAmx, 0.010, 0.0031);
  CHECK(amx.precision == Precision::kBFloat16);
  CHECK(amx.reason == "the processor has AMX; a product takes 0.31 of float32's time");

  const PrecisionChoice avx512 = choose(BFloat16Unit::kAvx512, 2, 1);
  CHECK(avx512.precision == Precision::kBFloat16);
  CHECK(has(avx512.reason, "AVX512-BF16; a product takes 0.50"));
}

TEST_CASE("auto stays with float32 on a CPU without such a unit, however it was measured") {
  for (const std::optional<ProductSeconds>& measured :
       {std::optional<ProductSeconds>(), std::optional(ProductSeconds{1, 0.1})}) {
    const PrecisionChoice choice = cpu_precision(BFloat16Unit::kNone, measured);
    CHECK(choice.precision == Precision::kFloat32);
    CHECK(choice.reason == "the processor has neither AMX-BF16 nor AVX512-BF16");
  }
}

TEST_CASE("auto stays with float32 where bfloat16 is not clearly faster") {
  for (const BFloat16Unit unit : {BFloat16Unit::kAmx, BFloat16Unit::kAvx512}) {
    const PrecisionChoice slower = cpu_precision(unit, ProductSeconds{1, 3});
    CHECK(slower.precision == Precision::kFloat32);
    CHECK(has(slower.reason, "a product in bfloat16 takes 3.00 of float32's time"));
    CHECK(cpu_precision(unit, ProductSeconds{1, 0.95}).precision == Precision::kFloat32);
    CHECK(cpu_precision(unit, ProductSeconds{1, 0.85}).precision == Precision::kBFloat16);
    // A clock that did not move has measured nothing.
    CHECK(cpu_precision(unit, ProductSeconds{0, 0}).precision == Precision::kFloat32);
    CHECK(cpu_precision(unit, ProductSeconds{1, 0}).precision == Precision::kFloat32);
    const PrecisionChoice small = cpu_precision(unit, {});
    CHECK(small.precision == Precision::kFloat32);
    CHECK(has(small.reason, "matrices are small"));
  }
}

TEST_CASE("the processor always gives the same answer") {
  CHECK(bfloat16_unit() == bfloat16_unit());
}

}  // namespace
}  // namespace expandft
