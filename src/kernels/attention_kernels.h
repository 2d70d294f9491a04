#pragma once

#include <cstdint>

namespace expandft {

/// One head's keys or values of a sequence, stored by rows and by columns, padded with zeros.
struct PackedHead {
  std::int64_t dim = 0, wide = 0;       // wide: dim padded to whole vectors
  std::int64_t length = 0, padded = 0;  // padded: length padded to whole blocks
  const float* rows = nullptr;          // (padded, wide)
  const float* columns = nullptr;       // (dim, padded)
};

/// Queries processed together, floats of the widest vector, keys of a block: the units of padding.
inline constexpr std::int64_t kQueryRows = 4, kVectorFloats = 16, kKeyBlock = 64;

/// The forward pass of one query head of a sequence. Rows are `stride` apart.
struct HeadForward {
  PackedHead k, v;
  std::int64_t stride = 0;
  float scale = 1;
  const float* q = nullptr;
  float *out = nullptr, *lse = nullptr;  // lse (length): log Σ exp(scale·q·k)
  float* scratch = nullptr;              // forward_scratch(k) floats
};

/// The backward pass: writes dq and adds to dk and dv (padded, wide).
struct HeadBackward {
  PackedHead k, v;
  std::int64_t stride = 0;
  float scale = 1;
  const float *q = nullptr, *out = nullptr, *dout = nullptr, *lse = nullptr;
  float *dq = nullptr, *dk = nullptr, *dv = nullptr;
  float* scratch = nullptr;  // backward_scratch(k) floats
};

inline std::int64_t forward_scratch(const PackedHead& k) {
  return kQueryRows * (2 * k.wide + k.padded);
}
inline std::int64_t backward_scratch(const PackedHead& k) {
  return kQueryRows * (3 * k.wide + 2 * k.padded);
}

/// The kernels, compiled for one instruction set.
struct AttentionKernels {
  void (*forward)(const HeadForward& head);
  void (*backward)(const HeadBackward& head);
};

// attention_kernels.cpp is compiled once for each (src/CMakeLists.txt).
extern const AttentionKernels kBaselineAttention;
#if defined(EXPANDFT_X86_KERNELS)
extern const AttentionKernels kAvx2Attention, kAvx512Attention;
#endif

}  // namespace expandft
