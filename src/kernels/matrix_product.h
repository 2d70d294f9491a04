#pragma once

#include <optional>

#include <ATen/ATen.h>

namespace expandft {

// Matrix products by the faster of LibTorch's libraries. On a CPU in fp32 that is oneDNN, by 5 to
// 60 % for these two forms (docs/performance.md); in other cases, and for few rows, ATen chooses.
// No gradients.

/// x·weightᵀ + bias: x (N, in), weight (out, in), bias (out) or none -> (N, out).
at::Tensor product_transposed(const at::Tensor& x, const at::Tensor& weight,
                              const std::optional<at::Tensor>& bias = {});

/// x·weight: x (N, out), weight (out, in) -> (N, in).
at::Tensor product(const at::Tensor& x, const at::Tensor& weight);

}  // namespace expandft
