#pragma once

#include "families/decoder_spec.h"

#include <ATen/ATen.h>

namespace expandft {

/// Root-mean-square norm over the last dimension (arXiv 1910.07467), in fp32, by a rule that says
/// how it is scaled and where it is rounded. x (…, h), weight (h). Differentiable in x and in the
/// weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, NormRule rule);

}  // namespace expandft
