#include "checkpoint/dtype.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("Every dtype is found by its safetensors name", "[dtype]") {
  for (int i = 0; i <= static_cast<int>(Dtype::kF8E5M2); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    CHECK(dtype_from_safetensors(safetensors_name(dtype)) == dtype);
    CHECK_FALSE(config_name(dtype).empty());
  }
  CHECK_FALSE(dtype_from_safetensors("F12"));
  CHECK_FALSE(dtype_from_safetensors("bf16"));
  CHECK_FALSE(dtype_from_safetensors(""));
}

TEST_CASE("Element sizes", "[dtype]") {
  CHECK(size_of(Dtype::kF64) == 8);
  CHECK(size_of(Dtype::kF32) == 4);
  CHECK(size_of(Dtype::kBF16) == 2);
  CHECK(size_of(Dtype::kF16) == 2);
  CHECK(size_of(Dtype::kBool) == 1);
  CHECK(size_of(Dtype::kF8E4M3) == 1);
}

TEST_CASE("Only dtypes that models compute in are valid in a config", "[dtype]") {
  CHECK(dtype_from_config("float32") == Dtype::kF32);
  CHECK(dtype_from_config("float16") == Dtype::kF16);
  CHECK(dtype_from_config("bfloat16") == Dtype::kBF16);
  CHECK_FALSE(dtype_from_config("int8"));
  CHECK_FALSE(dtype_from_config("BF16"));
}
