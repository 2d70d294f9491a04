#pragma once

#include <cstdint>

namespace expandft {

/// A matrix whose rows need not touch: (rows, columns), rows `stride` apart.
struct Strided {
  float* data = nullptr;
  std::int64_t stride = 0;
};
struct ConstStrided {
  const float* data = nullptr;
  std::int64_t stride = 0;
};

/// act(gate) ⊙ up of some rows.
struct GatedForward {
  std::int64_t rows = 0, columns = 0;
  ConstStrided gate, up;
  Strided out;
};

/// Its gradients. value, which is act(gate) ⊙ up again, may be left out (data null).
struct GatedBackward {
  std::int64_t rows = 0, columns = 0;
  ConstStrided grad, gate, up;
  Strided value, dgate, dup;
};

/// Root-mean-square norm of contiguous rows: y = x·r·w with r = rsqrt(mean(x²) + eps), which is
/// kept in rstd (rows). With `adds_one`, 1 + w takes w's place.
struct NormForward {
  std::int64_t rows = 0, columns = 0;
  float eps = 0;
  bool adds_one = false;
  const float *x = nullptr, *weight = nullptr;
  float *y = nullptr, *rstd = nullptr;
};

/// dx of it.
struct NormBackward {
  std::int64_t rows = 0, columns = 0;
  bool adds_one = false;
  const float *dy = nullptr, *x = nullptr, *weight = nullptr, *rstd = nullptr;
  float* dx = nullptr;
};

/// Turns pairs (i, i + half) of each head by its token's angles; what is behind them is copied.
struct Rotation {
  std::int64_t tokens = 0, heads = 0, head_dim = 0, half = 0;
  bool back = false;
  ConstStrided x;                              // (tokens, heads * head_dim)
  const float *cos = nullptr, *sin = nullptr;  // (tokens, half)
  float* out = nullptr;                        // contiguous
};

/// One row of logits and the token that it should have given.
struct CrossEntropyRow {
  std::int64_t vocabulary = 0, target = 0;
  float cap = 0;  // of logits that went through cap·tanh(x / cap); 0: none
  float* logits = nullptr;
};

/// One row of logits, and of a reference's for the same token.
struct KlDivergenceRow {
  std::int64_t vocabulary = 0;
  float cap = 0;  // as above
  float* logits = nullptr;
  const float* reference = nullptr;
};

/// Of one activation.
struct GatedKernels {
  void (*forward)(const GatedForward& gated);
  void (*backward)(const GatedBackward& gated);
};

/// The kernels as compiled for one instruction set. All in fp32.
struct ElementwiseKernels {
  GatedKernels silu, gelu_tanh;
  void (*norm)(const NormForward& norm);
  void (*norm_backward)(const NormBackward& norm);
  void (*rotate)(const Rotation& rotation);
  /// −log softmax(logits)[target].
  float (*cross_entropy)(const CrossEntropyRow& row);
  /// The same; its gradient in the place of the logits.
  float (*cross_entropy_backward)(const CrossEntropyRow& row);
  /// KL(softmax(reference) || softmax(logits)).
  float (*kl_divergence)(const KlDivergenceRow& row);
  /// The same; its gradient in the place of the logits.
  float (*kl_divergence_backward)(const KlDivergenceRow& row);
};

extern const ElementwiseKernels kBaselineElementwise;
#if defined(EXPANDFT_X86_KERNELS)
extern const ElementwiseKernels kAvx2Elementwise, kAvx512Elementwise;
#endif

}  // namespace expandft
