#pragma once

#include <bit>
#include <cstdint>

// Vectors of as many floats as a register holds, in the vector extension of GCC and Clang: sixteen
// with AVX-512, otherwise eight. For kernels that are compiled for several targets
// (EXPANDFT_TARGET) with contraction to fused multiply-adds. All functions are inlined, so no
// vector is passed in a call.
#define EXPANDFT_INLINE inline __attribute__((always_inline))
#define EXPANDFT_INLINE_LAMBDA __attribute__((always_inline))

/// The name of this target's kernel table: kAvx2Attention.
#define EXPANDFT_KERNELS(name) EXPANDFT_JOIN(EXPANDFT_TARGET, name)
#define EXPANDFT_JOIN(target, name) EXPANDFT_JOIN_EXPANDED(target, name)
#define EXPANDFT_JOIN_EXPANDED(target, name) k##target##name

namespace expandft::simd {

#if defined(__AVX512F__)
#define EXPANDFT_VECTOR_BYTES 64
#else
#define EXPANDFT_VECTOR_BYTES 32
#endif
inline constexpr std::int64_t kFloats = EXPANDFT_VECTOR_BYTES / 4;
typedef float Floats __attribute__((vector_size(EXPANDFT_VECTOR_BYTES)));
typedef std::int32_t Ints __attribute__((vector_size(EXPANDFT_VECTOR_BYTES)));
typedef float LooseFloats
    __attribute__((vector_size(EXPANDFT_VECTOR_BYTES), aligned(4), may_alias));

EXPANDFT_INLINE Floats load(const float* from) {
  return *reinterpret_cast<const LooseFloats*>(from);
}
EXPANDFT_INLINE void store(float* to, Floats x) {
  *reinterpret_cast<LooseFloats*>(to) = x;
}
EXPANDFT_INLINE Floats fill(float x) {
  return Floats{} + x;
}
EXPANDFT_INLINE Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}
EXPANDFT_INLINE Floats smaller(Floats a, Floats b) {
  return a < b ? a : b;
}
/// The first `count` numbers, followed by zeros.
EXPANDFT_INLINE Floats load_some(const float* from, std::int64_t count) {
  Floats x = {};
  for (std::int64_t i = 0; i < count; ++i) x[i] = from[i];
  return x;
}
EXPANDFT_INLINE void store_some(float* to, Floats x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = x[i];
}

EXPANDFT_INLINE float sum(Floats x) {
  float total = 0;
  for (int i = 0; i < kFloats; ++i) total += x[i];
  return total;
}
EXPANDFT_INLINE float largest(Floats x) {
  float most = x[0];
  for (int i = 1; i < kFloats; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

/// e^x for x ≤ 88, to about 1e-7 relative; 0 … 1e-38 below -87; NaN of NaN. x = n·ln 2 + r,
/// |r| ≤ ln 2 / 2, and e^r by its Taylor polynomial.
EXPANDFT_INLINE Floats exp(Floats x) {
  const Floats lowest = fill(-87.0F);
  x = x < lowest ? lowest : x;
  const Floats round = fill(12582912.0F);  // 1.5·2^23: adding it rounds to an integer
  const Floats n = (x * 1.44269504088896341F + round) - round;
  const Floats r = (x - n * 0.693359375F) + n * 2.12194440e-4F;  // ln 2 in two parts
  Floats y = fill(1.0F / 5040);
  y = y * r + 1.0F / 720;
  y = y * r + 1.0F / 120;
  y = y * r + 1.0F / 24;
  y = y * r + 1.0F / 6;
  y = y * r + 0.5F;
  y = y * r + 1.0F;
  y = y * r + 1.0F;
  const Ints exponent = (__builtin_convertvector(n, Ints) + 127) << 23;
  return y * std::bit_cast<Floats>(exponent);
}

}  // namespace expandft::simd
