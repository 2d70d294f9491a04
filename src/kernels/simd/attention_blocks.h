#pragma once

#include "kernels/simd/attention_kernels.h"
#include "kernels/simd/attention_tiles.h"
#include "kernels/simd/simd.h"

// What attention_kernels.cpp does with a block of queries and a block of keys. Compiled once for
// each instruction set, so all is inlined. A block is given by its first query and their count, and
// by its first key and their number, whole panels.
namespace expandft {
namespace {

constexpr float kMasked = -1e30F;

/// The first key that queries from `first` on see, rounded down to a panel.
EXPANDFT_INLINE std::int64_t first_panel(std::int64_t first, std::int64_t window) {
  return most(0, first - window + 1) / kPanel * kPanel;
}

#if EXPANDFT_VECTOR_BYTES == 64
constexpr Ints kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
constexpr Ints kLane = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

/// The keys [low, high) of a block that a query or several see; none if high ≤ low.
struct Visible {
  std::int64_t low, high;

  /// Those that any of the queries i to i + count − 1 sees, in the block of keys from `key` on.
  static EXPANDFT_INLINE Visible of(std::int64_t i, std::int64_t count, std::int64_t window,
                                    std::int64_t key, std::int64_t keys) {
    return {most(0, i - window + 1 - key), least(keys, i + count - key)};
  }
  EXPANDFT_INLINE bool none_of(std::int64_t j) const { return j >= high || j + kFloats <= low; }
  EXPANDFT_INLINE bool all_of(std::int64_t j) const { return j >= low && j + kFloats <= high; }
  /// x where key j + lane is seen, `otherwise` elsewhere.
  EXPANDFT_INLINE Floats only(std::int64_t j, Floats x, Floats otherwise) const {
    if (all_of(j)) return x;
    const Ints key = kLane + static_cast<std::int32_t>(j);
    const Ints seen =
        (key >= static_cast<std::int32_t>(low)) & (key < static_cast<std::int32_t>(high));
    return seen ? x : otherwise;
  }
};

/// Products of a block's rows with a block of keys' columns: to (kQueryBlock, kScoreStride). Tiles
/// that see no key of a panel are left out.
EXPANDFT_INLINE void block_scores(const float* rows, const HeadShape& shape, const float* columns,
                                  std::int64_t first, std::int64_t count, std::int64_t key,
                                  std::int64_t keys, float* to) {
  for (std::int64_t j = 0; j < keys; j += kPanel) {
    const float* panel = columns + (key + j) * shape.dim;
    for (std::int64_t r = 0; r < count; r += kTileRows) {
      const Visible seen = Visible::of(first + r, kTileRows, shape.window, key, keys);
      if (seen.high <= j || seen.low >= j + kPanel) continue;
      panel_scores(rows + r * shape.row_stride, shape.row_stride, panel, shape.dim,
                   to + r * kScoreStride + j);
    }
  }
}

/// to[r] = factors[r]·to[r] + Σ_j weights[r][j]·keys[j] for a block's rows.
EXPANDFT_INLINE void add_keys(const float* weights, const HeadShape& shape, const float* rows,
                              std::int64_t first, std::int64_t count, std::int64_t key,
                              std::int64_t keys, const float* factors, float* to) {
  const std::int64_t stride = shape.row_stride;
  for_each_column(shape.dim, [&](auto vectors, std::int64_t d) EXPANDFT_INLINE_LAMBDA {
    for (std::int64_t r = 0; r < count; r += kTileRows) {
      const Visible seen = Visible::of(first + r, kTileRows, shape.window, key, keys);
      if (seen.high <= seen.low) continue;
      add_tile<vectors.count>({weights + r * kScoreStride + seen.low, kScoreStride, 1},
                              rows + (key + seen.low) * stride + d, stride, seen.high - seen.low,
                              factors == nullptr ? nullptr : factors + r, to + r * stride + d);
    }
  });
}

/// sums[j] += Σ_r weights[r][j]·rows[r] for a block of keys, over the queries that see them.
EXPANDFT_INLINE void add_queries(const float* weights, const HeadShape& shape, const float* rows,
                                 std::int64_t first, std::int64_t count, std::int64_t key,
                                 std::int64_t keys, float* sums) {
  const std::int64_t stride = shape.row_stride;
  for_each_column(shape.dim, [&](auto vectors, std::int64_t d) EXPANDFT_INLINE_LAMBDA {
    for (std::int64_t j = 0; j < keys; j += kTileRows) {
      const std::int64_t low = most(0, key + j - first);
      const std::int64_t high = least(count, key + j + kTileRows - 1 + shape.window - first);
      if (high <= low) continue;
      add_tile<vectors.count>({weights + low * kScoreStride + j, 1, kScoreStride},
                              rows + low * stride + d, stride, high - low, nullptr,
                              sums + (key + j) * stride + d);
    }
  });
}

/// The softmax of a row up to now: Σ exp(score − peak), by lanes.
struct Running {
  float peak;
  Floats total;
};

/// Replaces a block's scores by exp(score − peak), 0 for the keys that are not seen. Returns what
/// the sums of the blocks before are to be multiplied with.
EXPANDFT_INLINE float softmax(float* scores, std::int64_t keys, Visible seen, Running& row) {
  Floats highest = fill(row.peak);
  for (std::int64_t j = seen.low / kFloats * kFloats; j < seen.high; j += kFloats) {
    highest = larger(highest, seen.only(j, load(scores + j), highest));
  }
  const float peak = largest(highest);
  // Without keys before, there is nothing to multiply, and an exponential of -1e30 is slow.
  const bool is_same = peak == row.peak || row.peak == kMasked;
  const float factor = is_same ? 1.0F : __builtin_expf(row.peak - peak);
  Floats total = row.total * factor;
  for (std::int64_t j = 0; j < keys; j += kFloats) {
    Floats p = {};
    if (!seen.none_of(j)) p = seen.only(j, exp(load(scores + j) - peak), Floats{});
    store(scores + j, p);
    total += p;
  }
  row = {peak, total};
  return factor;
}

/// For one row, replaces scores by weights p, given their log-sum, and gradients dp of the weights
/// by those of the scores (arXiv 2205.14135, B.2): ds = p·(dp − Σ out·dout). Writes zeros for keys
/// that are not seen, and for one vector beyond the block's.
EXPANDFT_INLINE void softmax_backward(float* scores, float* grads, std::int64_t keys, Visible seen,
                                      float lse, float delta) {
  for (std::int64_t j = 0; j < keys + kFloats; j += kFloats) {
    Floats p = {}, ds = {};
    if (!seen.none_of(j)) {
      p = seen.only(j, exp(load(scores + j) - lse), Floats{});
      ds = seen.only(j, p * (load(grads + j) - delta), Floats{});
    }
    store(scores + j, p);
    store(grads + j, ds);
  }
}

}  // namespace
}  // namespace expandft
