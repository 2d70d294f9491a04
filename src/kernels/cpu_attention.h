#pragma once

#include <cstdint>

namespace expandft {

/// Causal attention of many short sequences on a CPU in fp32, for heads too narrow for a product
/// library to be quick at. Free of LibTorch: pointers to contiguous arrays, rows of tokens.
struct CpuAttention {
  std::int64_t heads = 0, kv_heads = 0, dim = 0;
  float scale = 1;
  const float *q = nullptr, *k = nullptr, *v = nullptr;  // (N, heads | kv_heads, dim)

  /// One sequence (tokens [begin, begin + length)) and one key head, with all the query heads it
  /// serves. Writes out (N, heads, dim), and lse (heads, N) with `tokens` = N for the backward
  /// pass: log Σ exp(scale·q·k) of each row.
  void forward(std::int64_t begin, std::int64_t length, std::int64_t kv_head, float* out,
               float* lse, std::int64_t tokens) const;
  /// The same sequence and key head backwards: writes its parts of dq, dk, dv (shapes of q, k, v).
  void backward(std::int64_t begin, std::int64_t length, std::int64_t kv_head, const float* out,
                const float* dout, const float* lse, std::int64_t tokens, float* dq, float* dk,
                float* dv) const;

  /// Whether a sequence is short enough: its keys and values should stay in the L2 cache.
  static bool suits(std::int64_t length, std::int64_t dim) { return length * dim <= 1 << 16; }
};

}  // namespace expandft
