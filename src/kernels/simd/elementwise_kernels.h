#pragma once

#include "kernels/simd/bf16.h"

#include <cstdint>

namespace expandft {

// The passes over tokens between matrix products. T is the type that numbers are stored in, float
// or Bf16. All arithmetic and sums are in fp32, and a result is rounded to T once, unless it says
// otherwise.

/// A matrix (rows, columns) whose rows are contiguous and `stride` apart.
template <typename T>
struct Strided {
  T* data = nullptr;
  std::int64_t stride = 0;
};

/// act(gate) ⊙ up.
template <typename T>
struct GatedForward {
  std::int64_t rows = 0, columns = 0;
  Strided<const T> gate, up;
  Strided<T> out;
};

/// Its gradients. `value`, act(gate) ⊙ up again, is not computed if its data is null.
template <typename T>
struct GatedBackward {
  std::int64_t rows = 0, columns = 0;
  Strided<const T> grad, gate, up;
  Strided<T> value, dgate, dup;
};

/// Root-mean-square norm of contiguous rows: y = x·r·w with r = rsqrt(mean(x²) + eps), which is
/// stored in rstd (rows). With `rounds_first`, x·r is rounded to T before it is multiplied by w;
/// otherwise y = x·r·(w + added) is rounded once.
template <typename T>
struct NormForward {
  std::int64_t rows = 0, columns = 0;
  float eps = 0;
  bool rounds_first = true;
  float added = 0;  // to the weights
  const T *x = nullptr, *weight = nullptr;
  T* y = nullptr;
  float* rstd = nullptr;
};

/// Its gradient with respect to x.
template <typename T>
struct NormBackward {
  std::int64_t rows = 0, columns = 0;
  float added = 0;  // to the weights
  const T *dy = nullptr, *x = nullptr, *weight = nullptr;
  const float* rstd = nullptr;
  T* dx = nullptr;
};

/// Rotates the pairs (i, i + half) of each head by the angles of its token, and copies the numbers
/// after them.
template <typename T>
struct Rotation {
  std::int64_t tokens = 0, heads = 0, head_dim = 0, half = 0;
  bool back = false;
  Strided<const T> x;                      // (tokens, heads * head_dim)
  const T *cos = nullptr, *sin = nullptr;  // (tokens, half)
  T* out = nullptr;                        // contiguous
};

/// The kernels of one activation.
template <typename T>
struct GatedKernels {
  void (*forward)(const GatedForward<T>& gated);
  void (*backward)(const GatedBackward<T>& gated);
};

/// The kernels, compiled for one instruction set.
template <typename T>
struct ElementwiseKernels {
  GatedKernels<T> silu, gelu_tanh;
  void (*norm)(const NormForward<T>& norm);
  void (*norm_backward)(const NormBackward<T>& norm);
  void (*rotate)(const Rotation<T>& rotation);
};

extern const ElementwiseKernels<float> kBaselineElementwise;
extern const ElementwiseKernels<Bf16> kBaselineBf16Elementwise;
#if defined(EXPANDFT_X86_KERNELS)
extern const ElementwiseKernels<float> kAvx2Elementwise, kAvx512Elementwise;
extern const ElementwiseKernels<Bf16> kAvx2Bf16Elementwise, kAvx512Bf16Elementwise;
#endif

}  // namespace expandft
