#pragma once

#include <array>
#include <functional>

#include <ATen/ATen.h>

namespace expandft {

/// What a layer computes from its input and up to three further tensors, which may be undefined.
using LayerTensors = std::array<at::Tensor, 4>;
using CheckpointedLayer = std::function<at::Tensor(const LayerTensors&)>;

/// layer(inputs), of which only the inputs are kept for backward: backward runs the layer again and
/// gets the same gradients bit for bit (arXiv 1604.06174). The layer must depend only on them and
/// on state that does not change until backward. Its trainable tensors must be leaves: their
/// gradients are accumulated directly into them.
at::Tensor checkpointed(const CheckpointedLayer& layer, const LayerTensors& inputs);

}  // namespace expandft
