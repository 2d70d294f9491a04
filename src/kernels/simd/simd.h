#pragma once

#include "kernels/simd/bf16.h"

#include <bit>
#include <cstddef>
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
typedef std::uint32_t Words __attribute__((vector_size(EXPANDFT_VECTOR_BYTES)));
typedef std::uint16_t Halves __attribute__((vector_size(EXPANDFT_VECTOR_BYTES / 2)));
typedef float LooseFloats
    __attribute__((vector_size(EXPANDFT_VECTOR_BYTES), aligned(4), may_alias));
typedef std::uint16_t LooseHalves
    __attribute__((vector_size(EXPANDFT_VECTOR_BYTES / 2), aligned(2), may_alias));

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

EXPANDFT_INLINE Floats load(const Bf16* from) {
  const Halves bits = *reinterpret_cast<const LooseHalves*>(from);
// A zero below each: one or two instructions, of which the compiler makes four from a conversion.
#if defined(__AVX512F__)
  return std::bit_cast<Floats>(__builtin_shufflevector(Halves{}, bits, 0, 16, 0, 17, 0, 18, 0, 19,
                                                       0, 20, 0, 21, 0, 22, 0, 23, 0, 24, 0, 25, 0,
                                                       26, 0, 27, 0, 28, 0, 29, 0, 30, 0, 31));
#elif defined(__AVX2__)
  return std::bit_cast<Floats>(__builtin_shufflevector(Halves{}, bits, 0, 8, 0, 9, 0, 10, 0, 11, 0,
                                                       12, 0, 13, 0, 14, 0, 15));
#else
  return std::bit_cast<Floats>(__builtin_convertvector(bits, Words) << 16);
#endif
}
/// The bits of each number as bfloat16, in the lower half of a word: to the nearest, ties to even,
/// and NaN stays NaN.
EXPANDFT_INLINE Words rounded_bits(Floats x) {
  const Words bits = std::bit_cast<Words>(x);
  const Words rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
#if defined(__AVX2__)
  return x == x ? rounded : Words{} + 0x7FC0;
#else
  // By arithmetic, as GCC compares numbers one by one in vectors wider than the target's.
  const Words is_nan =
      std::bit_cast<Words>(std::bit_cast<Ints>(0x7F800000U - (bits & 0x7FFFFFFF)) >> 31);
  return (rounded & ~is_nan) | (is_nan & 0x7FC0);
#endif
}
EXPANDFT_INLINE void store(Bf16* to, Floats x) {
  *reinterpret_cast<LooseHalves*>(to) = __builtin_convertvector(rounded_bits(x), Halves);
}
/// As a vector holds them after they were stored and loaded again.
EXPANDFT_INLINE Floats rounded_to(const Bf16* /*type*/, Floats x) {
  return std::bit_cast<Floats>(rounded_bits(x) << 16);
}
EXPANDFT_INLINE Floats rounded_to(const float* /*type*/, Floats x) {
  return x;
}

/// One number.
EXPANDFT_INLINE float load_one(const float* from) {
  return *from;
}
EXPANDFT_INLINE float load_one(const Bf16* from) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(from->bits) << 16);
}
EXPANDFT_INLINE void store_one(float* to, float x) {
  *to = x;
}
EXPANDFT_INLINE void store_one(Bf16* to, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  to->bits = static_cast<std::uint16_t>(x == x ? rounded : 0x7FC0);
}

/// Copies `count` < kFloats numbers: in pieces of fixed sizes, as a loop becomes a call of memcpy.
template <typename T>
EXPANDFT_INLINE void copy_some(T* to, const T* from, std::int64_t count) {
#pragma GCC unroll 4
  for (std::int64_t piece = kFloats / 2; piece > 0; piece /= 2) {
    if ((count & piece) == 0) continue;
    __builtin_memcpy(to, from, static_cast<std::size_t>(piece) * sizeof(T));
    to += piece;
    from += piece;
  }
}
/// The first `count` < kFloats numbers, followed by zeros. T is float or Bf16.
template <typename T>
EXPANDFT_INLINE Floats load_some(const T* from, std::int64_t count) {
  T padded[kFloats] = {};
  copy_some(padded, from, count);
  return load(padded);
}
template <typename T>
EXPANDFT_INLINE void store_some(T* to, Floats x, std::int64_t count) {
  T padded[kFloats];
  store(padded, x);
  copy_some(to, padded, count);
}

/// The same for any count ≤ kFloats.
template <typename T>
EXPANDFT_INLINE Floats take(const T* from, std::int64_t count) {
  return count == kFloats ? load(from) : load_some(from, count);
}
template <typename T>
EXPANDFT_INLINE void put(T* to, Floats x, std::int64_t count) {
  if (count == kFloats) {
    store(to, x);
  } else {
    store_some(to, x, count);
  }
}
/// Calls visit(first, count) for each vector of columns; only the last can be partial.
template <typename Visit>
EXPANDFT_INLINE void for_vectors(std::int64_t columns, Visit visit) {
  std::int64_t j = 0;
  for (; j + kFloats <= columns; j += kFloats) visit(j, kFloats);
  if (j < columns) visit(j, columns - j);
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
