#pragma once

namespace expandft::gpu {

__device__ inline float sigmoid(float x) {
  return 1.0F / (1.0F + expf(-x));
}

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

/// x·Φ(x), with the error function; its slope is Φ(x) + x·φ(x).
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

}  // namespace expandft::gpu
