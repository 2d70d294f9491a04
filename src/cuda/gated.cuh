#pragma once

#include "cuda/numbers.cuh"

#include <algorithm>

namespace expandft::gpu {

// What gated.cu and gated_backward.cu share: the activations and the shape of the grid. The two are
// separate files to compile in parallel.

__device__ inline float sigmoid(float x) {
  return 1.0F / (1.0F + expf(-x));
}

/// An activation and its derivative.
struct Activated {
  float value, slope;
};

/// x·σ(x).
struct Silu {
  __device__ static float value(float x) { return x * sigmoid(x); }
  __device__ static Activated both(float x) {
    const float s = sigmoid(x);
    return {x * s, s * (1.0F + x * (1.0F - s))};
  }
};

/// x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³) (arXiv 1606.08415), which is x·σ(2u).
struct GeluTanh {
  static constexpr float kScale = 1.5957691216057308F, kCubic = 0.044715F;  // 2·√(2/π)
  __device__ static float value(float x) { return x * sigmoid(kScale * (x + kCubic * x * x * x)); }
  __device__ static Activated both(float x) {
    const float s = sigmoid(kScale * (x + kCubic * x * x * x));
    return {x * s, s + x * s * (1.0F - s) * kScale * (1.0F + 3 * kCubic * x * x)};
  }
};

/// x·Φ(x), by the error function; the derivative is Φ(x) + x·φ(x).
struct Gelu {
  static constexpr float kRootHalf = 0.7071067811865476F;       // 1 / √2
  static constexpr float kDensityAtZero = 0.3989422804014327F;  // 1 / √(2π)
  __device__ static float below(float x) { return 0.5F * (1.0F + erff(x * kRootHalf)); }
  __device__ static float value(float x) { return x * below(x); }
  __device__ static Activated both(float x) {
    const float p = below(x);
    return {x * p, p + x * kDensityAtZero * expf(-0.5F * x * x)};
  }
};

constexpr int kGatedThreads = 256;

/// Blocks over columns (x) and rows (y). A kernel starts at row blockIdx.y and steps by gridDim.y:
/// the grid's second dimension ends at 65535.
inline dim3 gated_blocks(std::int64_t rows, std::int64_t columns, int width) {
  const std::int64_t each = std::int64_t{kGatedThreads} * width;
  return {static_cast<unsigned>((columns + each - 1) / each),
          static_cast<unsigned>(std::min<std::int64_t>(rows, 65535))};
}

/// Calls visit() with the struct that computes the activation.
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
