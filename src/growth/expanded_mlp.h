#pragma once

#include "model/gated_mlp.h"

#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// An original weight at a strength: base + strength·(tuned − base), in fp32 between the two. It is
/// the base's own when `tuned` is undefined: it did not train.
at::Tensor original_at(double strength, const at::Tensor& base, const at::Tensor& tuned);

/// How the copies of an expanded MLP add to what the original computes.
enum class CopyShares {
  kOfOutput,  // they take over a k-th each: (strength / k)·(S_j − S_0)
  kAdded,     // strength·S_j
};

/// An MLP in k copies, in the split form (arXiv 2603.08647, with the base kept apart):
///   y = S_0 + Σ_j (strength / k)·(S_j − S_0),  j = 1 … k−1,
/// plus down's bias once. S_0 is the base's block, or, where the originals train too, what they
/// have become (original_at). While the copies equal the base, every difference is zero and y is
/// the base's output bit for bit, in any dtype; so it is at strength 0, whatever was trained.
/// Added copies begin with a down of zero, and add nothing.
class ExpandedMlp final : public Mlp {
 public:
  struct Parts {
    MlpWeights base;
    std::optional<MlpWeights> originals = {};  // that train; none: the base's are kept
    std::vector<MlpWeights> copies = {};       // k − 1; their down has no bias
  };

  /// What trains may be in a wider dtype than the base (masters): it is cast when used.
  ExpandedMlp(Parts parts, Activation activation, CopyShares shares = CopyShares::kOfOutput);

  at::Tensor forward(const at::Tensor& x) const override;
  void set_strength(double strength) { strength_ = strength; }
  const Parts& parts() const { return parts_; }

 private:
  MlpWeights original() const;

  Parts parts_;
  Activation activation_;
  CopyShares shares_;
  double strength_ = 1.0;
};

}  // namespace expandft
