#pragma once

#include <functional>

#include <ATen/ATen.h>

namespace expandft {

/// layer(x), of which only x is kept for backward: backward runs the layer again and gets the same
/// gradients bit for bit (arXiv 1604.06174). The layer must depend only on x and on state that does
/// not change until backward. Its trainable tensors must be leaves: their gradients are accumulated
/// directly into them.
at::Tensor checkpointed(const std::function<at::Tensor(const at::Tensor&)>& layer,
                        const at::Tensor& x);

}  // namespace expandft
