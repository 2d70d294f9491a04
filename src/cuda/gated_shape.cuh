#pragma once

#include "cuda/activations.cuh"
#include "cuda/numbers.cuh"

#include <algorithm>

namespace expandft::gpu {

constexpr int kGatedThreads = 256;

/// Blocks over columns (x) and rows (y). A kernel's rows are those from blockIdx.y on, gridDim.y
/// apart: the grid's second dimension ends at 65535.
inline dim3 gated_blocks(std::int64_t rows, std::int64_t columns, int width) {
  const std::int64_t each = std::int64_t{kGatedThreads} * width;
  return {static_cast<unsigned>((columns + each - 1) / each),
          static_cast<unsigned>(std::min<std::int64_t>(rows, 65535))};
}

/// Calls visit(activation) with the functions of an activation.
template <typename Visit>
void with_activation(Activation activation, Visit visit) {
  switch (activation) {
    case Activation::kSilu:
      return visit(Silu());
    case Activation::kGelu:
      return visit(Gelu());
    case Activation::kGeluTanh:
      return visit(GeluTanh());
  }
}

}  // namespace expandft::gpu
