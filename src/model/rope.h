#pragma once

#include "model/spec.h"

#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Inverse frequencies of the rotary embedding, one for each pair: (dim / 2) numbers.
/// Llama 3's smoothing as in transformers' modeling_rope_utils.
std::vector<double> rope_frequencies(const RopeSpec& spec, std::int64_t dim);

/// The angles of some positions: cos and sin, each (N, dim / 2), computed in fp32, then cast.
struct RopeAngles {
  at::Tensor cos, sin;
};
RopeAngles rope_angles(const at::Tensor& frequencies, const at::Tensor& positions,
                       at::ScalarType dtype);

/// Turns x (N, heads, dim) by the angles of its tokens; the pairs are (i, i + dim/2).
/// Differentiable in x.
at::Tensor apply_rope(const at::Tensor& x, const RopeAngles& angles);

}  // namespace expandft
