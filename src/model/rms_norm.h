#pragma once

#include <ATen/ATen.h>

namespace expandft {

/// Root-mean-square norm over the last dimension (arXiv 1910.07467): n = x·rsqrt(mean(x²) + eps) in
/// fp32. Llama casts n to x's dtype and then multiplies by w; Gemma (`adds_one`) computes n·(1 + w)
/// in fp32 and then casts. x (…, h), weight (h). Differentiable in x and in the weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps,
                    bool adds_one = false);

}  // namespace expandft
