#pragma once

#include <optional>

#include <ATen/ATen.h>

namespace expandft {

/// y = x·weightᵀ + bias. weight (out, in); bias (out) or undefined.
struct Linear {
  at::Tensor weight, bias;

  /// x (N, in) -> (N, out). Differentiable in x, and in weight and bias if they require it.
  at::Tensor operator()(const at::Tensor& x) const;
  std::optional<at::Tensor> optional_bias() const {
    return bias.defined() ? std::optional(bias) : std::nullopt;
  }
};

}  // namespace expandft
