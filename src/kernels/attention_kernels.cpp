#include "kernels/attention_kernels.h"

#include "kernels/simd.h"

// Compiled once for each instruction set. So nothing here may be shared with other files: a
// standard library function that is emitted out of line would be linked once, for an arbitrary
// instruction set.
namespace expandft {
namespace {

using namespace simd;

constexpr float kMasked = -1e30F;

// Blocks of sums that fill the registers: rows × vectors of keys, and rows × vectors of a head's
// numbers. The latter are summed separately for kApart keys, to keep enough additions in flight.
constexpr std::int64_t kKeyVectors = kFloats == 16 ? 4 : 2;
constexpr std::int64_t kHeadVectors = kVectorFloats / kFloats;
constexpr std::int64_t kApart = kFloats == 16 ? 2 : 1;

EXPANDFT_INLINE std::int64_t round_up(std::int64_t n, std::int64_t to) {
  return (n + to - 1) / to * to;
}

/// Copies `count` rows of queries (or gradients), times `factor`, to contiguous rows padded with
/// zeros: (kQueryRows, wide).
EXPANDFT_INLINE void pack_rows(const float* from, std::int64_t stride, std::int64_t count,
                               std::int64_t dim, std::int64_t wide, float factor, float* to) {
  for (std::int64_t i = 0; i < kQueryRows * wide; ++i) to[i] = 0;
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t d = 0; d < dim; ++d) to[r * wide + d] = from[r * stride + d] * factor;
  }
}

/// out[r][j] = rows[r]·columns[:, j] for j < `keys`, a multiple of the block. out (kQueryRows,
/// padded).
EXPANDFT_INLINE void products(const float* rows, const PackedHead& with, std::int64_t keys,
                              float* out) {
  for (std::int64_t j = 0; j < keys; j += kKeyVectors * kFloats) {
    Floats sums[kQueryRows][kKeyVectors] = {};
    for (std::int64_t d = 0; d < with.dim; ++d) {
      const float* column = with.columns + d * with.padded + j;
      Floats b[kKeyVectors];
      for (std::int64_t i = 0; i < kKeyVectors; ++i) b[i] = load(column + i * kFloats);
      for (std::int64_t r = 0; r < kQueryRows; ++r) {
        const float a = rows[r * with.wide + d];
        for (std::int64_t i = 0; i < kKeyVectors; ++i) sums[r][i] += a * b[i];
      }
    }
    for (std::int64_t r = 0; r < kQueryRows; ++r) {
      for (std::int64_t i = 0; i < kKeyVectors; ++i) {
        store(out + r * with.padded + j + i * kFloats, sums[r][i]);
      }
    }
  }
}

/// out[r] = Σ_j weights[r][j]·rows[j]. out (kQueryRows, wide).
EXPANDFT_INLINE void weighted_sums(const float* weights, const PackedHead& of, std::int64_t keys,
                                   float* out) {
  for (std::int64_t d = 0; d < of.wide; d += kVectorFloats) {
    Floats sums[kApart][kQueryRows][kHeadVectors] = {};
    for (std::int64_t j = 0; j < keys; j += kApart) {
      for (std::int64_t a = 0; a < kApart; ++a) {
        Floats x[kHeadVectors];
        for (std::int64_t i = 0; i < kHeadVectors; ++i) {
          x[i] = load(of.rows + (j + a) * of.wide + d + i * kFloats);
        }
        for (std::int64_t r = 0; r < kQueryRows; ++r) {
          const float weight = weights[r * of.padded + j + a];
          for (std::int64_t i = 0; i < kHeadVectors; ++i) sums[a][r][i] += weight * x[i];
        }
      }
    }
    for (std::int64_t r = 0; r < kQueryRows; ++r) {
      for (std::int64_t i = 0; i < kHeadVectors; ++i) {
        Floats total = sums[0][r][i];
        for (std::int64_t a = 1; a < kApart; ++a) total += sums[a][r][i];
        store(out + r * of.wide + d + i * kFloats, total);
      }
    }
  }
}

/// sums[j] += Σ_r weights[r][j]·rows[r]. sums (padded, wide).
EXPANDFT_INLINE void add_outer(const float* weights, const float* rows, std::int64_t keys,
                               std::int64_t padded, std::int64_t wide, float* sums) {
  for (std::int64_t d = 0; d < wide; d += kFloats) {
    Floats row[kQueryRows];
    for (std::int64_t r = 0; r < kQueryRows; ++r) row[r] = load(rows + r * wide + d);
    for (std::int64_t j = 0; j < keys; ++j) {
      float* place = sums + j * wide + d;
      Floats total = load(place);
      for (std::int64_t r = 0; r < kQueryRows; ++r) total += weights[r * padded + j] * row[r];
      store(place, total);
    }
  }
}

#if EXPANDFT_VECTOR_BYTES == 64
constexpr Ints kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
constexpr Ints kLane = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

/// Softmax in place over the keys that row i sees, 0 to i; the others become 0. Returns log Σ exp.
EXPANDFT_INLINE float softmax(float* scores, std::int64_t i, std::int64_t keys) {
  const auto last = static_cast<std::int32_t>(i);
  Floats most = fill(kMasked);
  for (std::int64_t j = 0; j < keys; j += kFloats) {
    const Ints key = kLane + static_cast<std::int32_t>(j);
    const Floats s = key <= last ? load(scores + j) : fill(kMasked);
    store(scores + j, s);
    most = larger(most, s);
  }
  const float peak = largest(most);
  Floats total = {};
  for (std::int64_t j = 0; j < keys; j += kFloats) {
    const Ints key = kLane + static_cast<std::int32_t>(j);
    const Floats p = key <= last ? exp(load(scores + j) - peak) : Floats{};
    store(scores + j, p);
    total += p;
  }
  const float whole = sum(total);
  for (std::int64_t j = 0; j < keys; j += kFloats) store(scores + j, load(scores + j) / whole);
  return peak + __builtin_logf(whole);
}

/// For row i, replaces scores by weights p, given their log-sum, and gradients dp of the weights by
/// those of the scores (arXiv 2205.14135, B.2): ds = p·(dp − Σ out·dout).
EXPANDFT_INLINE void softmax_backward(float* scores, float* grads, float lse, float delta,
                                      std::int64_t i, std::int64_t keys) {
  const auto last = static_cast<std::int32_t>(i);
  for (std::int64_t j = 0; j < keys; j += kFloats) {
    const Ints key = kLane + static_cast<std::int32_t>(j);
    const Floats p = key <= last ? exp(load(scores + j) - lse) : Floats{};
    store(scores + j, p);
    store(grads + j, p * (load(grads + j) - delta));
  }
}

void forward(const HeadForward& head) {
  const PackedHead& k = head.k;
  float* rows = head.scratch;
  float* result = rows + kQueryRows * k.wide;
  float* scores = result + kQueryRows * k.wide;
  for (std::int64_t i = 0; i < k.length; i += kQueryRows) {
    const std::int64_t count = k.length - i < kQueryRows ? k.length - i : kQueryRows;
    const std::int64_t keys = round_up(i + count, kVectorFloats);
    pack_rows(head.q + i * head.stride, head.stride, count, k.dim, k.wide, head.scale, rows);
    products(rows, k, keys, scores);
    for (std::int64_t r = 0; r < count; ++r) {
      head.lse[i + r] = softmax(scores + r * k.padded, i + r, keys);
    }
    weighted_sums(scores, head.v, keys, result);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t d = 0; d < k.dim; ++d) {
        head.out[(i + r) * head.stride + d] = result[r * k.wide + d];
      }
    }
  }
}

void backward(const HeadBackward& head) {
  const PackedHead& k = head.k;
  float* rows = head.scratch;
  float* drows = rows + kQueryRows * k.wide;
  float* result = drows + kQueryRows * k.wide;
  float* scores = result + kQueryRows * k.wide;
  float* grads = scores + kQueryRows * k.padded;
  for (std::int64_t i = 0; i < k.length; i += kQueryRows) {
    const std::int64_t count = k.length - i < kQueryRows ? k.length - i : kQueryRows;
    const std::int64_t keys = round_up(i + count, kVectorFloats);
    pack_rows(head.q + i * head.stride, head.stride, count, k.dim, k.wide, head.scale, rows);
    pack_rows(head.dout + i * head.stride, head.stride, count, k.dim, k.wide, 1.0F, drows);
    products(rows, k, keys, scores);
    products(drows, head.v, keys, grads);
    for (std::int64_t r = 0; r < kQueryRows; ++r) {
      float delta = 0;
      for (std::int64_t d = 0; r < count && d < k.dim; ++d) {
        delta += head.out[(i + r) * head.stride + d] * head.dout[(i + r) * head.stride + d];
      }
      // Rows beyond the end see no key and add nothing below.
      softmax_backward(scores + r * k.padded, grads + r * k.padded,
                       r < count ? head.lse[i + r] : 0.0F, delta, r < count ? i + r : -1, keys);
    }
    add_outer(scores, drows, keys, k.padded, k.wide, head.dv);
    add_outer(grads, rows, keys, k.padded, k.wide, head.dk);  // rows hold scale·q
    weighted_sums(grads, k, keys, result);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t d = 0; d < k.dim; ++d) {
        head.dq[(i + r) * head.stride + d] = result[r * k.wide + d] * head.scale;
      }
    }
  }
}

}  // namespace

extern const AttentionKernels EXPANDFT_KERNELS(Attention) = {forward, backward};

}  // namespace expandft
