#pragma once

#include "runtime/cpu_precision.h"

#include <cstdint>
#include <optional>

namespace expandft {

/// Times a product of a model's shape on the CPU in float32 and in bfloat16, as the model would
/// compute it: (rows, in)·(out, in)ᵀ with `in` = hidden and `out` = width, both cut so that all
/// takes some tens of milliseconds. Each format has the best of several tries in turns, because
/// other programs disturb single ones. Nothing for matrices so small that the choice of format
/// makes no difference.
std::optional<ProductSeconds> time_products(std::int64_t hidden, std::int64_t width);

}  // namespace expandft
