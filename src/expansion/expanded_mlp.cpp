#include "expansion/expanded_mlp.h"

#include <utility>

namespace expandft {
namespace {

Linear cast(const Linear& linear, at::ScalarType dtype) {
  return {linear.weight.to(dtype), linear.bias.defined() ? linear.bias.to(dtype) : at::Tensor()};
}

MlpWeights cast(const MlpWeights& weights, at::ScalarType dtype) {
  return {cast(weights.gate, dtype), cast(weights.up, dtype), cast(weights.down, dtype)};
}

}  // namespace

ExpandedMlp::ExpandedMlp(MlpWeights base, std::vector<MlpWeights> copies, Activation activation)
    : base_(std::move(base)), copies_(std::move(copies)), activation_(activation) {}

at::Tensor ExpandedMlp::forward(const at::Tensor& x) const {
  const at::Tensor base = gated_mlp(x, base_, activation_);
  at::Tensor y = base;
  if (strength_ != 0) {
    const double share = strength_ / static_cast<double>(copies_.size() + 1);
    for (const MlpWeights& copy : copies_) {
      y = at::add(y, gated_mlp(x, cast(copy, x.scalar_type()), activation_) - base, share);
    }
  }
  return base_.down.bias.defined() ? y + base_.down.bias : y;
}

}  // namespace expandft
