#pragma once

#include "families/decoder_spec.h"
#include "model/weights.h"

#include <ATen/ATen.h>

namespace expandft {

/// act(x·gateᵀ + bg) ⊙ (x·upᵀ + bu) · downᵀ: a gated MLP without the bias of down, which is added
/// once for all copies. x (N, h) -> (N, h). Weights wider than x (masters) are cast. Differentiable
/// in x and in the weights that require gradients; tensors that no gradient needs are neither saved
/// nor computed.
at::Tensor gated_mlp(const at::Tensor& x, const MlpWeights& weights, Activation activation);

/// act(gate) ⊙ up, both (N, p), differentiable in both: for projections that are computed apart.
at::Tensor gated_product(const at::Tensor& gate, const at::Tensor& up, Activation activation);

/// The feed-forward block of a layer, which methods of training can replace.
class Mlp {
 public:
  virtual ~Mlp() = default;
  virtual at::Tensor forward(const at::Tensor& x) const = 0;  // (N, h) -> (N, h)
};

/// The MLP of the checkpoint.
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
