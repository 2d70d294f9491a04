#include "kernels/simd/decode_kernels.h"

#include "kernels/simd/simd.h"

// Compiled once for each instruction set; nothing here may be shared with other files
// (attention_kernels.cpp says why).
namespace expandft {
namespace {

using namespace simd;

constexpr float kUnseen = -1e30F;

EXPANDFT_INLINE std::int64_t padded(std::int64_t n) {
  return (n + 15) / 16 * 16;
}

/// Calls step(at, count) for whole vectors of a head's numbers, then for the rest.
template <typename Step>
EXPANDFT_INLINE void for_vectors(std::int64_t dim, Step step) {
  std::int64_t d = 0;
  for (; d + kFloats <= dim; d += kFloats) step(d, kFloats);
  if (d < dim) step(d, dim - d);
}

EXPANDFT_INLINE Floats load_part(const float* from, std::int64_t count) {
  return count == kFloats ? load(from) : load_some(from, count);
}

EXPANDFT_INLINE void store_part(float* to, Floats x, std::int64_t count) {
  if (count == kFloats) {
    store(to, x);
  } else {
    store_some(to, x, count);
  }
}

/// scores[h][j] = scale·q[h]·k[rows[j]] for kHeads heads; the rest of each row is kUnseen.
template <std::int64_t kHeads>
EXPANDFT_INLINE void score(const TokenAttention& token, const float* q, float* scores) {
  const std::int64_t all = padded(token.keys);
  for (std::int64_t j = 0; j < token.keys; ++j) {
    const float* key = token.k + token.rows[j] * token.k_stride;
    Floats sums[kHeads] = {};
    for_vectors(token.dim, [&](std::int64_t d, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats x = load_part(key + d, count);
      for (std::int64_t h = 0; h < kHeads; ++h) {
        sums[h] += load_part(q + h * token.dim + d, count) * x;
      }
    });
    for (std::int64_t h = 0; h < kHeads; ++h) scores[h * all + j] = sum(sums[h]) * token.scale;
  }
  for (std::int64_t h = 0; h < kHeads; ++h) {
    for (std::int64_t j = token.keys; j < all; ++j) scores[h * all + j] = kUnseen;
  }
}

/// e^(score − largest) in place; returns 1 / Σ.
EXPANDFT_INLINE float exponentials(float* scores, std::int64_t keys) {
  const std::int64_t all = padded(keys);
  Floats most = fill(kUnseen);
  for (std::int64_t j = 0; j < all; j += kFloats) most = larger(most, load(scores + j));
  const float peak = largest(most);
  Floats total = {};
  for (std::int64_t j = 0; j < all; j += kFloats) {
    const Floats p = exp(load(scores + j) - peak);
    store(scores + j, p);
    total += p;
  }
  return 1.0F / sum(total);
}

/// out[h] = Σ_j weights[h][j]·v[rows[j]]·factors[h].
template <std::int64_t kHeads>
EXPANDFT_INLINE void weigh(const TokenAttention& token, const float* weights, const float* factors,
                           float* out) {
  const std::int64_t all = padded(token.keys);
  for_vectors(token.dim, [&](std::int64_t d, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
    Floats sums[kHeads] = {};
    for (std::int64_t j = 0; j < token.keys; ++j) {
      const Floats x = load_part(token.v + token.rows[j] * token.v_stride + d, count);
      for (std::int64_t h = 0; h < kHeads; ++h) sums[h] += weights[h * all + j] * x;
    }
    for (std::int64_t h = 0; h < kHeads; ++h) {
      store_part(out + h * token.dim + d, sums[h] * factors[h], count);
    }
  });
}

template <std::int64_t kHeads>
EXPANDFT_INLINE void attend(const TokenAttention& token, std::int64_t first) {
  score<kHeads>(token, token.q + first * token.dim, token.scratch);
  float factors[kHeads];
  for (std::int64_t h = 0; h < kHeads; ++h) {
    factors[h] = exponentials(token.scratch + h * padded(token.keys), token.keys);
  }
  weigh<kHeads>(token, token.scratch, factors, token.out + first * token.dim);
}

void attention(const TokenAttention& token) {
  std::int64_t head = 0;
  for (; head + 4 <= token.heads; head += 4) attend<4>(token, head);
  for (; head + 2 <= token.heads; head += 2) attend<2>(token, head);
  for (; head < token.heads; ++head) attend<1>(token, head);
}

// A block of sums that fills the registers: rows of the head × vectors of a panel. The head's rows
// are read as they lie, a number at a time; what a register holds is the same number of many
// hidden states.
constexpr std::int64_t kRows = kFloats == 16 ? 12 : 6;
constexpr std::int64_t kVectors = kPanelColumns / kFloats;

EXPANDFT_INLINE void search_panel(const LikeliestRows& search, std::int64_t begin,
                                  const float* panel, float* best, std::int32_t* index) {
  const float* rows[kRows];
  std::int32_t numbers[kRows];
  for (std::int64_t r = 0; r < kRows; ++r) {
    // Past the end the last row is taken again, which changes nothing.
    const std::int64_t row = begin + r < search.end ? begin + r : search.end - 1;
    rows[r] = search.head + row * search.stride;
    numbers[r] = static_cast<std::int32_t>(row);
  }
  Floats sums[kRows][kVectors] = {};
  for (std::int64_t d = 0; d < search.width; ++d) {
    Floats x[kVectors];
    for (std::int64_t i = 0; i < kVectors; ++i)
      x[i] = load(panel + d * kPanelColumns + i * kFloats);
    for (std::int64_t r = 0; r < kRows; ++r) {
      const float weight = rows[r][d];
      for (std::int64_t i = 0; i < kVectors; ++i) sums[r][i] += weight * x[i];
    }
  }
  for (std::int64_t i = 0; i < kVectors; ++i) {
    Floats most = load(best + i * kFloats);
    Ints at;
    __builtin_memcpy(&at, index + i * kFloats, sizeof at);
    for (std::int64_t r = 0; r < kRows; ++r) {
      const Floats x = sums[r][i];
      // A NaN is taken, and nothing is larger than it.
      const Ints is_better = (x > most) | (x != x);
      most = is_better ? x : most;
      at = is_better ? Ints{} + numbers[r] : at;
    }
    store(best + i * kFloats, most);
    __builtin_memcpy(index + i * kFloats, &at, sizeof at);
  }
}

void likeliest(const LikeliestRows& search) {
  for (std::int64_t i = 0; i < search.count * kPanelColumns; ++i) {
    search.best[i] = -__builtin_inff();
    search.index[i] = static_cast<std::int32_t>(search.begin);
  }
  for (std::int64_t row = search.begin; row < search.end; row += kRows) {
    for (std::int64_t p = 0; p < search.count; ++p) {
      search_panel(search, row, search.panels + p * search.width * kPanelColumns,
                   search.best + p * kPanelColumns, search.index + p * kPanelColumns);
    }
  }
}

}  // namespace

extern const DecodeKernels EXPANDFT_KERNELS(Decode) = {attention, likeliest};

}  // namespace expandft
