#pragma once

#include <functional>

#include <ATen/ATen.h>

namespace expandft {

/// layer(x), of which backward keeps only x: it computes the layer again, for the same gradients
/// bit for bit (activation checkpointing, arXiv 1604.06174). What the layer uses besides x must be
/// the same then, and its trained tensors leaves, whose gradients it adds to themselves.
at::Tensor checkpointed(const std::function<at::Tensor(const at::Tensor&)>& layer,
                        const at::Tensor& x);

}  // namespace expandft
