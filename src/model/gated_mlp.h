#pragma once

#include "families/decoder_spec.h"
#include "model/weights.h"

#include <ATen/ATen.h>

namespace expandft {

/// act(x·gateᵀ + bg) ⊙ (x·upᵀ + bu) · downᵀ: a gated MLP without down's bias, which stands outside
/// of every copy. x (N, h) -> (N, h). Weights wider than x (masters) are cast. Differentiable in x
/// and in those weights that require it; what no gradient needs is neither saved nor computed.
at::Tensor gated_mlp(const at::Tensor& x, const MlpWeights& weights, Activation activation);

/// The feed-forward block of a layer, as the decoder sees it.
class Mlp {
 public:
  virtual ~Mlp() = default;
  virtual at::Tensor forward(const at::Tensor& x) const = 0;  // (N, h) -> (N, h)
};

/// A block as the checkpoint has it.
class DenseMlp final : public Mlp {
 public:
  DenseMlp(MlpWeights weights, Activation activation)
      : weights_(std::move(weights)), activation_(activation) {}
  at::Tensor forward(const at::Tensor& x) const override;
  const MlpWeights& weights() const { return weights_; }
  Activation activation() const { return activation_; }

 private:
  MlpWeights weights_;
  Activation activation_;
};

}  // namespace expandft
