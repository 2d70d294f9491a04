#pragma once

#include "checkpoint/safetensors.h"

#include <string>

#include <ATen/ATen.h>

namespace expandft {

at::ScalarType scalar_type(Dtype dtype);
Dtype dtype_of(at::ScalarType type);

/// A CPU tensor over a mapped file's bytes, without a copy. It keeps the file mapped, and must not
/// be written to: the pages are read-only.
at::Tensor mapped_tensor(const TensorView& view);

/// The tensor in the given dtype on the given device. On a CPU it stays mapped when the dtype is
/// the file's and the bytes are aligned to 64, as the kernels want them; else it is a copy.
at::Tensor load_tensor(const TensorView& view, at::ScalarType dtype, at::Device device);

/// A source that writes the tensor (copied to the CPU when its turn comes) in `dtype`.
TensorSource source_of(std::string name, at::Tensor tensor, Dtype dtype);

}  // namespace expandft
