#include "runtime/cpu_precision.h"

#include "report/human.h"

#include <ATen/cpu/Utils.h>

namespace expandft {

BFloat16Unit bfloat16_unit() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto has = [&](const char* name) {
    const auto found = capabilities.find(name);
    return found != capabilities.end() && found->second.isBool() && found->second.toBool();
  };
  if (has("amx_bf16") && at::cpu::init_amx()) return BFloat16Unit::kAmx;
  return has("avx512_bf16") ? BFloat16Unit::kAvx512 : BFloat16Unit::kNone;
}

PrecisionChoice cpu_precision(BFloat16Unit unit, const std::optional<ProductSeconds>& measured) {
  // bfloat16 rounds to 8 bits: a few percent of time are not worth that.
  constexpr double kWorthwhile = 0.9;
  if (unit == BFloat16Unit::kNone) {
    return {Precision::kFloat32, "the processor has neither AMX-BF16 nor AVX512-BF16"};
  }
  const std::string has =
      std::string("the processor has ") + (unit == BFloat16Unit::kAmx ? "AMX" : "AVX512-BF16");
  if (!measured) return {Precision::kFloat32, has + ", but the model's matrices are small"};
  const bool is_sound = measured->float32 > 0 && measured->bfloat16 > 0;
  if (!is_sound) return {Precision::kFloat32, has + ", but its products could not be timed"};
  const double ratio = measured->bfloat16 / measured->float32;
  const bool is_faster = ratio < kWorthwhile;
  return {is_faster ? Precision::kBFloat16 : Precision::kFloat32,
          has + (is_faster ? "; a product takes " : ", but a product in bfloat16 takes ") +
              fixed(ratio, 2) + " of float32's time"};
}

}  // namespace expandft
