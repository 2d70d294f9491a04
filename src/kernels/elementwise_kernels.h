#pragma once

#include <cstdint>

namespace expandft {

/// A matrix (rows, columns) whose rows are contiguous and `stride` apart.
struct Strided {
  float* data = nullptr;
  std::int64_t stride = 0;
};
struct ConstStrided {
  const float* data = nullptr;
  std::int64_t stride = 0;
};

/// act(gate) ⊙ up.
struct GatedForward {
  std::int64_t rows = 0, columns = 0;
  ConstStrided gate, up;
  Strided out;
};

/// Its gradients. `value`, act(gate) ⊙ up again, is not computed if its data is null.
struct GatedBackward {
  std::int64_t rows = 0, columns = 0;
  ConstStrided grad, gate, up;
  Strided value, dgate, dup;
};

/// Root-mean-square norm of contiguous rows: y = x·r·w with r = rsqrt(mean(x²) + eps), which is
/// stored in rstd (rows). With `adds_one`, y = x·r·(1 + w).
struct NormForward {
  std::int64_t rows = 0, columns = 0;
  float eps = 0;
  bool adds_one = false;
  const float *x = nullptr, *weight = nullptr;
  float *y = nullptr, *rstd = nullptr;
};

/// Its gradient with respect to x.
struct NormBackward {
  std::int64_t rows = 0, columns = 0;
  bool adds_one = false;
  const float *dy = nullptr, *x = nullptr, *weight = nullptr, *rstd = nullptr;
  float* dx = nullptr;
};

/// Rotates the pairs (i, i + half) of each head by the angles of its token, and copies the numbers
/// after them.
struct Rotation {
  std::int64_t tokens = 0, heads = 0, head_dim = 0, half = 0;
  bool back = false;
  ConstStrided x;                              // (tokens, heads * head_dim)
  const float *cos = nullptr, *sin = nullptr;  // (tokens, half)
  float* out = nullptr;                        // contiguous
};

/// One row of logits and its target.
struct CrossEntropyRow {
  std::int64_t vocabulary = 0, target = 0;
  float cap = 0;  // logits are cap·tanh(x / cap); 0: no cap
  float* logits = nullptr;
};

/// One row of logits, and the reference's logits for the same token.
struct KlDivergenceRow {
  std::int64_t vocabulary = 0;
  float cap = 0;  // as above
  float* logits = nullptr;
  const float* reference = nullptr;
};

/// The kernels of one activation.
struct GatedKernels {
  void (*forward)(const GatedForward& gated);
  void (*backward)(const GatedBackward& gated);
};

/// The kernels, compiled for one instruction set. All in fp32.
struct ElementwiseKernels {
  GatedKernels silu, gelu_tanh;
  void (*norm)(const NormForward& norm);
  void (*norm_backward)(const NormBackward& norm);
  void (*rotate)(const Rotation& rotation);
  /// −log softmax(logits)[target].
  float (*cross_entropy)(const CrossEntropyRow& row);
  /// The same; overwrites the logits with their gradient.
  float (*cross_entropy_backward)(const CrossEntropyRow& row);
  /// KL(softmax(reference) ‖ softmax(logits)).
  float (*kl_divergence)(const KlDivergenceRow& row);
  /// The same; overwrites the logits with their gradient.
  float (*kl_divergence_backward)(const KlDivergenceRow& row);
};

extern const ElementwiseKernels kBaselineElementwise;
#if defined(EXPANDFT_X86_KERNELS)
extern const ElementwiseKernels kAvx2Elementwise, kAvx512Elementwise;
#endif

}  // namespace expandft
