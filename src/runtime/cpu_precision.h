#pragma once

#include "config/run_config.h"

#include <optional>
#include <string>

namespace expandft {

/// What a processor multiplies bfloat16 matrices with. Without one of these, products in bfloat16
/// are emulated and slower than those in float32.
enum class BFloat16Unit { kNone, kAvx512, kAmx };

/// The unit of this processor that LibTorch may use: AMX also needs the system's permission.
BFloat16Unit bfloat16_unit();

/// How long one product takes in each format.
struct ProductSeconds {
  double float32 = 0, bfloat16 = 0;
};

struct PrecisionChoice {
  Precision precision = Precision::kFloat32;
  std::string reason;  // "the processor has AMX; a product takes 0.31 of float32's time"
};

/// What training.precision "auto" stands for on a CPU: bfloat16 where the processor has a unit for
/// it and a product was measured to take less than 0.9 of float32's time, else float32. Nothing
/// measured: the model's matrices are too small for a difference.
PrecisionChoice cpu_precision(BFloat16Unit unit, const std::optional<ProductSeconds>& measured);

}  // namespace expandft
