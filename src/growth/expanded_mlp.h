#pragma once

#include "model/gated_mlp.h"

#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// An original weight at a strength: base + strength·(tuned − base), computed in fp32 unless the
/// strength is 0 or 1. Returns `base` when `tuned` is undefined (it did not train).
at::Tensor original_at(double strength, const at::Tensor& base, const at::Tensor& tuned);

/// Some neurons of an MLP, in the order of `neurons` (int64): rows of gate and up with their
/// biases, columns of down without its bias. Copies, in the weights' dtypes; differentiable.
MlpWeights gathered_neurons(const MlpWeights& mlp, const at::Tensor& neurons);

/// How the added copies of an expanded MLP contribute to its output.
enum class CopyShares {
  kOfOutput,  // each replaces a k-th of it: (strength / k)·(S_j − S_0)
  kAdded,     // strength·S_j
};

/// An MLP of k copies, the original included, in the split form (arXiv 2603.08647, with the base
/// kept separate):
///   y = S_0 + Σ_j (strength / k)·(S_j − S_0),  j = 1 … k−1,
/// plus the bias of down, once. S_0 is the base's block or, if the originals train too, their
/// current state (original_at). While the copies equal the base, every difference is zero, so y is
/// the base's output bit for bit in any dtype; the same holds at strength 0 after any training.
/// With CopyShares::kAdded, y = S_0 + Σ_j strength·S_j, and copies start with a down of zero.
///
/// A narrow copy is of some neurons N only, and replaces a share of those:
///   y = S_0 + (strength / 2)·(S_1 − S_N),
/// where S_N is the original's block of the neurons N, gathered into tensors of the copy's shapes:
/// the same kernels then compute both, so that what is said above holds for it too.
class ExpandedMlp final : public Mlp {
 public:
  struct Parts {
    MlpWeights base;
    std::optional<MlpWeights> originals = {};  // as trained; none: they did not train
    std::vector<MlpWeights> copies = {};       // k − 1; their down has no bias
    at::Tensor neurons = {};  // (m), int64: those that the one copy is of; undefined: all
  };

  /// Trained tensors may be wider than the base (fp32 masters) and are then cast when used.
  ExpandedMlp(Parts parts, Activation activation, CopyShares shares = CopyShares::kOfOutput);

  at::Tensor forward(const at::Tensor& x) const override;
  void set_strength(double strength) {
    strength_ = strength;
    learned_strength_ = at::Tensor();
  }
  /// A strength (0-dimensional) in which the output has gradients, until set_strength. Not where
  /// the originals train.
  void learn_strength(const at::Tensor& strength) { learned_strength_ = strength; }
  const Parts& parts() const { return parts_; }

 private:
  MlpWeights original() const;
  /// S_N of the class's comment, or S_0 where copies are of all neurons.
  at::Tensor replaced(const at::Tensor& x, const MlpWeights& original,
                      const at::Tensor& output) const;

  Parts parts_;
  std::optional<MlpWeights> gathered_;  // the neurons N of a base that does not train
  Activation activation_;
  CopyShares shares_;
  double strength_ = 1.0;
  at::Tensor learned_strength_;  // in place of strength_, where it is defined
};

}  // namespace expandft
