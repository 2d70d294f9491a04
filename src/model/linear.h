#pragma once

#include <cstdint>
#include <memory>

#include <ATen/ATen.h>

namespace expandft {

/// LoRA's update of a linear map (arXiv 2106.09685): adds scale · (x·aᵀ)·bᵀ. If the map is part of
/// a fused projection, its rows of b start at `first_row`.
struct LowRankUpdate {
  at::Tensor a, b;  // (rank, in), (out of the whole map, rank)
  double scale = 1.0;
  std::int64_t first_row = 0;
  at::Tensor factor = {};  // of the scale: 0-dimensional, with gradients; undefined: 1
};

/// y = x·weightᵀ + bias. weight (out, in); bias (out) or undefined. Both may be wider than x (fp32
/// masters) and are then cast.
struct Linear {
  at::Tensor weight, bias = {};
  std::shared_ptr<LowRankUpdate> update = {};

  /// x (N, in) -> (N, out). Differentiable in x and in the tensors that require gradients.
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace expandft
