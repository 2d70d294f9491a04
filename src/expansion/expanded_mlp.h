#pragma once

#include "model/gated_mlp.h"

#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// An MLP in k copies, in the split form (arXiv 2603.08647, with the base kept apart):
///   y = S_base + Σ_j (strength / k)·(S_j − S_base),  j = 1 … k−1,
/// plus down's bias once. While the copies equal the base, every difference is zero and y is the
/// base's output bit for bit, in any dtype; so it is at strength 0, whatever the copies are.
class ExpandedMlp final : public Mlp {
 public:
  /// `copies`: the k−1 copies, possibly in a wider dtype than the base (masters): they are cast to
  /// the base's dtype when used. Their down has no bias.
  ExpandedMlp(MlpWeights base, std::vector<MlpWeights> copies, Activation activation);

  at::Tensor forward(const at::Tensor& x) const override;
  void set_strength(double strength) { strength_ = strength; }
  const MlpWeights& base() const { return base_; }
  const std::vector<MlpWeights>& copies() const { return copies_; }

 private:
  MlpWeights base_;
  std::vector<MlpWeights> copies_;
  Activation activation_;
  double strength_ = 1.0;
};

}  // namespace expandft
