#pragma once

#include "kernels/simd/bf16.h"

#include <cstdint>

namespace expandft {

// Attention by blocks of queries and keys that stay in the cache, with a running maximum and sum of
// the softmax, so that memory grows with the length alone (arXiv 2205.14135). Numbers are stored as
// T, float or Bf16, and widened: all arithmetic and all sums are in fp32.

/// Queries that are processed together, and the keys of a block.
inline constexpr std::int64_t kQueryBlock = 48, kKeyBlock = 96;

/// One head of one sequence, and what it computes: query i sees the keys i − window + 1 to i.
struct HeadShape {
  std::int64_t dim = 0, row_stride = 0;  // row_stride: of packed rows, row_stride_of(dim)
  std::int64_t length = 0, padded = 0;   // padded: padded_length(length)
  std::int64_t window = 0;               // at least 1
  float scale = 1;
};

/// Whole vectors of any target. An odd multiple of a cache line, so that the same columns of
/// consecutive rows do not compete for the same places of the cache.
constexpr std::int64_t row_stride_of(std::int64_t dim) {
  return ((dim + 15) / 16 | 1) * 16;
}
/// Whole panels of keys of any target.
constexpr std::int64_t padded_length(std::int64_t length) {
  return (length + 31) / 32 * 32;
}
/// Rows that the sums of keys' gradients need: the kernels write (zeros) a bit beyond the end.
constexpr std::int64_t sum_rows(std::int64_t length) {
  return padded_length(length) + 8;
}

/// A head's keys or values in fp32, padded with zeros.
struct PackedHead {
  const float* rows = nullptr;     // (padded, row_stride)
  const float* columns = nullptr;  // panels of as many keys as the target likes: (dim, panel) each
};

/// Widens a head's keys or values to the forms that are asked for (not null).
template <typename T>
struct HeadPacking {
  HeadShape shape;
  const T* from = nullptr;  // (length, dim), rows `stride` apart
  std::int64_t stride = 0;
  float *rows = nullptr, *columns = nullptr;
};

/// The forward pass of the queries first to first + count − 1, at most kQueryBlock. Pointers are to
/// the sequence's first token; rows of q and out are `stride` apart.
template <typename T>
struct HeadForward {
  HeadShape shape;
  PackedHead k, v;  // k.columns, v.rows
  std::int64_t stride = 0, first = 0, count = 0;
  const T* q = nullptr;
  T* out = nullptr;
  float* lse = nullptr;      // (length): log Σ exp(scale·q·k)
  float* scratch = nullptr;  // forward_scratch(shape) floats
};

/// The backward pass of all queries: writes dq; adds to dk and dv, (sum_rows(length), row_stride).
template <typename T>
struct HeadBackward {
  HeadShape shape;
  PackedHead k, v;  // k.rows, k.columns, v.columns
  std::int64_t stride = 0;
  const T *q = nullptr, *out = nullptr, *dout = nullptr;
  const float* lse = nullptr;
  T* dq = nullptr;
  float *dk = nullptr, *dv = nullptr;
  float* scratch = nullptr;  // backward_scratch(shape) floats
};

/// to[t] = Σ_p parts[p][t] for rows [0, length): gradients of the keys that several heads share.
template <typename T>
struct SumOfParts {
  HeadShape shape;
  const float* parts = nullptr;  // each (rows, row_stride), `part_stride` apart
  std::int64_t count = 0, part_stride = 0;
  T* to = nullptr;  // (length, dim), rows `stride` apart
  std::int64_t stride = 0;
};

inline constexpr std::int64_t kScoreStride = kKeyBlock + 16;
constexpr std::int64_t forward_scratch(const HeadShape& shape) {
  return kQueryBlock * (2 * shape.row_stride + kScoreStride + 16);
}
constexpr std::int64_t backward_scratch(const HeadShape& shape) {
  return kQueryBlock * (3 * shape.row_stride + 2 * kScoreStride);
}

template <typename T>
struct AttentionKernelsOf {
  void (*pack)(const HeadPacking<T>& packing);
  void (*forward)(const HeadForward<T>& head);
  void (*backward)(const HeadBackward<T>& head);
  void (*add_parts)(const SumOfParts<T>& sum);
};

/// The kernels, compiled for one instruction set.
struct AttentionKernels {
  AttentionKernelsOf<float> fp32;
  AttentionKernelsOf<Bf16> bf16;
};

// attention_kernels.cpp is compiled once for each (src/CMakeLists.txt).
extern const AttentionKernels kBaselineAttention;
#if defined(EXPANDFT_X86_KERNELS)
extern const AttentionKernels kAvx2Attention, kAvx512Attention;
#endif

}  // namespace expandft
