#pragma once

#include "kernels/simd/bf16.h"

#include <cstdint>

namespace expandft {

// Losses of one row of logits, stored as T (float or Bf16). Arithmetic is in fp32, long sums are in
// double, and a gradient is rounded to T once.

/// The largest logit of a row, and Σ e^(logit − largest).
struct SoftmaxSums {
  float largest = 0, total = 0;
};

/// One row of logits and its target.
template <typename T>
struct CrossEntropyRow {
  std::int64_t vocabulary = 0, target = 0;
  float cap = 0;  // logits are cap·tanh(x / cap); 0: no cap
  T* logits = nullptr;
  float weight = 1;  // of the gradient
  float* target_weight =
      nullptr;  // if given, it gets the target's probability, which is the weight
};

/// One row of logits, and the reference's logits for the same token.
template <typename T>
struct KlDivergenceRow {
  std::int64_t vocabulary = 0;
  float cap = 0;  // as above
  T* logits = nullptr;
  const T* reference = nullptr;
};

inline constexpr std::int64_t kMostLikeliest = 64;

/// The kernels, compiled for one instruction set.
template <typename T>
struct LossKernels {
  SoftmaxSums (*softmax_sums)(const T* logits, std::int64_t vocabulary);
  /// The entropy (nats) of the softmax over the `count` largest logits of a row, at most
  /// kMostLikeliest.
  float (*top_entropy)(const T* logits, std::int64_t vocabulary, std::int64_t count);
  /// −log softmax(logits)[target].
  float (*cross_entropy)(const CrossEntropyRow<T>& row);
  /// The same; overwrites the logits with their gradient.
  float (*cross_entropy_backward)(const CrossEntropyRow<T>& row);
  /// KL(softmax(reference) ‖ softmax(logits)).
  float (*kl_divergence)(const KlDivergenceRow<T>& row);
  /// The same; overwrites the logits with their gradient.
  float (*kl_divergence_backward)(const KlDivergenceRow<T>& row);
};

extern const LossKernels<float> kBaselineLosses;
extern const LossKernels<Bf16> kBaselineBf16Losses;
#if defined(EXPANDFT_X86_KERNELS)
extern const LossKernels<float> kAvx2Losses, kAvx512Losses;
extern const LossKernels<Bf16> kAvx2Bf16Losses, kAvx512Bf16Losses;
#endif

}  // namespace expandft
