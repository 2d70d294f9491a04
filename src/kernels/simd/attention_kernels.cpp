#include "kernels/simd/attention_kernels.h"

#include "kernels/simd/attention_blocks.h"
#include "kernels/simd/attention_tiles.h"
#include "kernels/simd/simd.h"

// Compiled once for each instruction set. So nothing here may be shared with other files: a
// standard library function that is emitted out of line would be linked once, for an arbitrary
// instruction set.
namespace expandft {
namespace {

/// Widens `count` numbers, times `factor`, and pads with zeros to a whole vector.
template <typename T>
EXPANDFT_INLINE void widen(const T* from, std::int64_t count, float factor, float* to) {
  std::int64_t d = 0;
  for (; d + kFloats <= count; d += kFloats) store(to + d, load(from + d) * factor);
  if (d < count) store(to + d, load_some(from + d, count - d) * factor);
}

template <typename T>
EXPANDFT_INLINE void narrow(const float* from, std::int64_t count, float factor, T* to) {
  std::int64_t d = 0;
  for (; d + kFloats <= count; d += kFloats) store(to + d, load(from + d) * factor);
  if (d < count) store_some(to + d, load(from + d) * factor, count - d);
}

EXPANDFT_INLINE void clear(float* numbers, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) numbers[i] = 0;
}

/// Widens a block of `count` queries (or gradients), times `factor`, to packed rows, with zeros in
/// the rest of the last tile.
template <typename T>
EXPANDFT_INLINE void pack_queries(const T* from, std::int64_t stride, std::int64_t count,
                                  const HeadShape& shape, float factor, float* to) {
  for (std::int64_t r = 0; r < count; ++r) {
    widen(from + r * stride, shape.dim, factor, to + r * shape.row_stride);
  }
  const std::int64_t rest = round_up(count, kTileRows) - count;
  clear(to + count * shape.row_stride, rest * shape.row_stride);
}

/// One vector of keys, from `first` on, as columns: to (dim, kFloats), rows kPanel apart.
template <typename T>
EXPANDFT_INLINE void pack_columns(const HeadPacking<T>& head, std::int64_t first, float* to) {
  const std::int64_t dim = head.shape.dim, count = head.shape.length - first;
  for (std::int64_t d = 0; d < dim; d += kFloats) {
    const std::int64_t numbers = least(kFloats, dim - d);
    Floats square[kFloats];
#pragma GCC unroll 16
    for (std::int64_t t = 0; t < kFloats; ++t) {
      const T* from = head.from + (first + t) * head.stride + d;
      square[t] = t >= count           ? Floats{}
                  : numbers == kFloats ? load(from)
                                       : load_some(from, numbers);
    }
    transpose(square);
    if (numbers == kFloats) {
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kFloats; ++i) store(to + (d + i) * kPanel, square[i]);
    } else {
      for (std::int64_t i = 0; i < numbers; ++i) store(to + (d + i) * kPanel, square[i]);
    }
  }
}

template <typename T>
void pack(const HeadPacking<T>& head) {
  const HeadShape& shape = head.shape;
  const std::int64_t length = shape.length, stride = shape.row_stride;
  if (head.rows != nullptr) {
    for (std::int64_t t = 0; t < length; ++t) {
      widen(head.from + t * head.stride, shape.dim, 1.0F, head.rows + t * stride);
    }
    clear(head.rows + length * stride, (shape.padded - length) * stride);
  }
  for (std::int64_t t = 0; head.columns != nullptr && t < shape.padded; t += kFloats) {
    pack_columns(head, t, head.columns + t / kPanel * kPanel * shape.dim + t % kPanel);
  }
}

template <typename T>
EXPANDFT_INLINE float dot(const T* a, const T* b, std::int64_t count) {
  Floats total = {};
  std::int64_t d = 0;
  for (; d + kFloats <= count; d += kFloats) total += load(a + d) * load(b + d);
  if (d < count) total += load_some(a + d, count - d) * load_some(b + d, count - d);
  return sum(total);
}

template <typename T>
void forward(const HeadForward<T>& head) {
  const HeadShape& shape = head.shape;
  const std::int64_t stride = shape.row_stride, first = head.first, count = head.count;
  float* rows = head.scratch;
  float* result = rows + kQueryBlock * stride;
  float* scores = result + kQueryBlock * stride;
  Running running[kQueryBlock];
  float factors[kQueryBlock];
  pack_queries(head.q + first * head.stride, head.stride, count, shape, shape.scale, rows);
  clear(result, round_up(count, kTileRows) * stride);
  for (std::int64_t r = 0; r < kQueryBlock; ++r) {
    running[r] = {kMasked, Floats{}};
    factors[r] = 1;
  }
  for (std::int64_t key = first_panel(first, shape.window); key < first + count; key += kKeyBlock) {
    const std::int64_t keys = least(kKeyBlock, round_up(first + count - key, kPanel));
    block_scores(rows, shape, head.k.columns, first, count, key, keys, scores);
    for (std::int64_t r = 0; r < round_up(count, kTileRows); ++r) {
      // Rows beyond the end are zeros, and see what they would.
      const Visible seen = Visible::of(first + r, 1, shape.window, key, keys);
      factors[r] = softmax(scores + r * kScoreStride, keys, seen, running[r]);
    }
    add_keys(scores, shape, head.v.rows, first, count, key, keys, factors, result);
  }
  for (std::int64_t r = 0; r < count; ++r) {
    const float total = sum(running[r].total);
    head.lse[first + r] = running[r].peak + __builtin_logf(total);
    narrow(result + r * stride, shape.dim, 1 / total, head.out + (first + r) * head.stride);
  }
}

template <typename T>
void backward(const HeadBackward<T>& head) {
  const HeadShape& shape = head.shape;
  const std::int64_t stride = shape.row_stride;
  float* rows = head.scratch;
  float* drows = rows + kQueryBlock * stride;
  float* result = drows + kQueryBlock * stride;
  float* scores = result + kQueryBlock * stride;
  float* grads = scores + kQueryBlock * kScoreStride;
  float deltas[kQueryBlock];
  for (std::int64_t first = 0; first < shape.length; first += kQueryBlock) {
    const std::int64_t count = least(kQueryBlock, shape.length - first);
    const std::int64_t place = first * head.stride;
    pack_queries(head.q + place, head.stride, count, shape, shape.scale, rows);
    pack_queries(head.dout + place, head.stride, count, shape, 1.0F, drows);
    clear(result, round_up(count, kTileRows) * stride);
    for (std::int64_t r = 0; r < count; ++r) {
      deltas[r] =
          dot(head.out + place + r * head.stride, head.dout + place + r * head.stride, shape.dim);
    }
    for (std::int64_t key = first_panel(first, shape.window); key < first + count;
         key += kKeyBlock) {
      const std::int64_t keys = least(kKeyBlock, round_up(first + count - key, kPanel));
      block_scores(rows, shape, head.k.columns, first, count, key, keys, scores);
      block_scores(drows, shape, head.v.columns, first, count, key, keys, grads);
      for (std::int64_t r = 0; r < round_up(count, kTileRows); ++r) {
        // Rows beyond the end see no key and add nothing below.
        const Visible seen =
            r < count ? Visible::of(first + r, 1, shape.window, key, keys) : Visible{0, 0};
        softmax_backward(scores + r * kScoreStride, grads + r * kScoreStride, keys, seen,
                         r < count ? head.lse[first + r] : 0.0F, r < count ? deltas[r] : 0.0F);
      }
      add_queries(scores, shape, drows, first, count, key, keys, head.dv);
      add_queries(grads, shape, rows, first, count, key, keys, head.dk);  // rows hold scale·q
      add_keys(grads, shape, head.k.rows, first, count, key, keys, nullptr, result);
    }
    for (std::int64_t r = 0; r < count; ++r) {
      narrow(result + r * stride, shape.dim, shape.scale, head.dq + place + r * head.stride);
    }
  }
}

template <typename T>
void add_parts(const SumOfParts<T>& of) {
  const std::int64_t dim = of.shape.dim;
  for (std::int64_t t = 0; t < of.shape.length; ++t) {
    const float* row = of.parts + t * of.shape.row_stride;
    T* to = of.to + t * of.stride;
    for (std::int64_t d = 0; d < dim; d += kFloats) {
      Floats total = load(row + d);
      for (std::int64_t p = 1; p < of.count; ++p) total += load(row + p * of.part_stride + d);
      if (d + kFloats <= dim) {
        store(to + d, total);
      } else {
        store_some(to + d, total, dim - d);
      }
    }
  }
}

template <typename T>
constexpr AttentionKernelsOf<T> kKernelsOf = {pack<T>, forward<T>, backward<T>, add_parts<T>};

}  // namespace

extern const AttentionKernels EXPANDFT_KERNELS(Attention) = {kKernelsOf<float>, kKernelsOf<Bf16>};

}  // namespace expandft
