#pragma once

#include <ATen/ATen.h>

namespace expandft {

/// Root-mean-square norm over the last dimension: x·rsqrt(mean(x²) + eps), computed in fp32, cast
/// to x's dtype, then times the weight (Llama's order; arXiv 1910.07467). x (N, h), weight (h).
/// Differentiable in x and in the weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace expandft
