#pragma once

#include <cstdint>

namespace expandft {

/// Attention of one token's query heads that share a key head, over rows of keys.
struct TokenAttention {
  std::int64_t heads = 0, dim = 0;
  std::int64_t keys = 0;                    // how many the token sees
  const std::int64_t* rows = nullptr;       // (keys): where each lies in k and v
  std::int64_t k_stride = 0, v_stride = 0;  // floats from one row to the next
  float scale = 1;
  const float *q = nullptr, *k = nullptr, *v = nullptr;  // q (heads, dim)
  float* out = nullptr;                                  // (heads, dim)
  float* scratch = nullptr;                              // attention_scratch floats
};

inline std::int64_t attention_scratch(std::int64_t heads, std::int64_t keys) {
  return heads * ((keys + 15) / 16 * 16);
}

/// Columns of a panel that likeliest() takes at once: rows of hidden states, as a register's lanes.
inline constexpr std::int64_t kPanelColumns = 16;

/// A search for the largest product of hidden states with rows [begin, end) of a head (V, h).
struct LikeliestRows {
  const float* head = nullptr;  // (V, h)
  std::int64_t stride = 0;      // floats from one of its rows to the next
  std::int64_t width = 0;       // h
  std::int64_t begin = 0, end = 0;
  const float* panels = nullptr;  // (count, h, kPanelColumns): hidden states, transposed
  std::int64_t count = 0;         // of panels
  float* best = nullptr;          // (count, kPanelColumns): the largest product, NaN if one is NaN
  std::int32_t* index = nullptr;  // (count, kPanelColumns): its row, the first when equal
};

/// The kernels, compiled for one instruction set.
struct DecodeKernels {
  void (*attention)(const TokenAttention& token);
  void (*likeliest)(const LikeliestRows& search);
};

// decode_kernels.cpp is compiled once for each (src/CMakeLists.txt).
extern const DecodeKernels kBaselineDecode;
#if defined(EXPANDFT_X86_KERNELS)
extern const DecodeKernels kAvx2Decode, kAvx512Decode;
#endif

/// Those for the best instruction set.
const DecodeKernels& decode_kernels();

}  // namespace expandft
