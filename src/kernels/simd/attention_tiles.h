#pragma once

#include "kernels/simd/attention_kernels.h"
#include "kernels/simd/simd.h"

// The products of attention_kernels.cpp, in tiles of sums that stay in registers. Compiled once for
// each instruction set, so all is inlined.
namespace expandft {
namespace {

using namespace simd;

// A tile: rows × two vectors, with enough sums for the additions in flight (two a cycle, four
// cycles each) in 32, 16 (AVX2), or 16 registers of half a vector (SSE). kQueryBlock and kKeyBlock
// are multiples of the rows.
#if defined(__AVX512F__)
constexpr std::int64_t kTileRows = 8;
#elif defined(__AVX__) || !defined(__x86_64__)
constexpr std::int64_t kTileRows = 6;
#else
constexpr std::int64_t kTileRows = 3;
#endif
/// Keys that PackedHead::columns holds together.
constexpr std::int64_t kPanel = 2 * kFloats;
static_assert(kQueryBlock % kTileRows == 0 && kKeyBlock % kTileRows == 0);
static_assert(kKeyBlock % kPanel == 0);

/// A matrix read element by element: a[r, t] at data[r·row + t·column].
struct Elements {
  const float* data;
  std::int64_t row, column;
};

EXPANDFT_INLINE std::int64_t least(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
EXPANDFT_INLINE std::int64_t most(std::int64_t a, std::int64_t b) {
  return a > b ? a : b;
}
EXPANDFT_INLINE std::int64_t round_up(std::int64_t n, std::int64_t to) {
  return (n + to - 1) / to * to;
}

/// sums[r] += Σ_t a[r, t]·b[t], t < depth: b's rows are `stride` apart.
template <std::int64_t kVectors>
EXPANDFT_INLINE void add_products(Elements a, const float* b, std::int64_t stride,
                                  std::int64_t depth, Floats (&sums)[kTileRows][kVectors]) {
  for (std::int64_t t = 0; t < depth; ++t) {
    Floats x[kVectors];
#pragma GCC unroll 2
    for (std::int64_t i = 0; i < kVectors; ++i) x[i] = load(b + t * stride + i * kFloats);
#pragma GCC unroll 8
    for (std::int64_t r = 0; r < kTileRows; ++r) {
      const float weight = a.data[r * a.row + t * a.column];
#pragma GCC unroll 2
      for (std::int64_t i = 0; i < kVectors; ++i) sums[r][i] += weight * x[i];
    }
  }
}

/// to[r] = rows[r]·panel for a tile's rows and a panel's keys: panel (dim, kPanel), to[r] at r·
/// kScoreStride.
EXPANDFT_INLINE void panel_scores(const float* rows, std::int64_t row_stride, const float* panel,
                                  std::int64_t dim, float* to) {
  Floats sums[kTileRows][2] = {};
  add_products<2>({rows, row_stride, 1}, panel, kPanel, dim, sums);
#pragma GCC unroll 8
  for (std::int64_t r = 0; r < kTileRows; ++r) {
    store(to + r * kScoreStride, sums[r][0]);
    store(to + r * kScoreStride + kFloats, sums[r][1]);
  }
}

/// to[r] = factor[r]·to[r] + Σ_t a[r, t]·b[t] for a tile's rows and kVectors vectors; rows of b and
/// to are `stride` apart. Without factors: 1.
template <std::int64_t kVectors>
EXPANDFT_INLINE void add_tile(Elements a, const float* b, std::int64_t stride, std::int64_t depth,
                              const float* factors, float* to) {
  Floats sums[kTileRows][kVectors];
#pragma GCC unroll 8
  for (std::int64_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (std::int64_t i = 0; i < kVectors; ++i) {
      sums[r][i] = load(to + r * stride + i * kFloats);
      if (factors != nullptr) sums[r][i] *= factors[r];
    }
  }
  add_products<kVectors>(a, b, stride, depth, sums);
#pragma GCC unroll 8
  for (std::int64_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
    for (std::int64_t i = 0; i < kVectors; ++i) {
      store(to + r * stride + i * kFloats, sums[r][i]);
    }
  }
}

/// Swaps rows and columns: each round shuffles the first half of the rows into the second.
EXPANDFT_INLINE void transpose(Floats (&square)[kFloats]) {
#pragma GCC unroll 4
  for (std::int64_t round = 1; round < kFloats; round *= 2) {
    Floats next[kFloats];
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < kFloats / 2; ++i) {
      const Floats a = square[i], b = square[i + kFloats / 2];
#if EXPANDFT_VECTOR_BYTES == 64
      next[2 * i] =
          __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
                                                14, 30, 15, 31);
#else
      next[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#endif
    }
#pragma GCC unroll 16
    for (std::int64_t i = 0; i < kFloats; ++i) square[i] = next[i];
  }
}

/// How many vectors a tile has, as a type.
template <std::int64_t kCount>
struct Vectors {
  static constexpr std::int64_t count = kCount;
};
/// Calls visit(vectors, d) for the columns d of rows of `dim` numbers, two vectors at a time.
template <typename Visit>
EXPANDFT_INLINE void for_each_column(std::int64_t dim, Visit visit) {
  std::int64_t d = 0;
  for (; d + kFloats < dim; d += 2 * kFloats) visit(Vectors<2>{}, d);
  if (d < dim) visit(Vectors<1>{}, d);
}

}  // namespace
}  // namespace expandft
