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

/// Rows [begin, begin + count) of the first dimension.
TensorView rows_of(const TensorView& view, std::int64_t begin, std::int64_t count);

/// The tensor in the given dtype on the given device. On a CPU it stays mapped when the dtype is
/// the file's, if its start is aligned: to 64 bytes in fp32, to whole elements in 16 bits. Else it
/// is a copy, and the map's pages leave the process's memory: either way the tensor is held once.
at::Tensor load_tensor(const TensorView& view, at::ScalarType dtype, at::Device device);

/// Fills `bytes` with the numbers of a tensor in `dtype`, row-major.
void copy_into(std::span<std::byte> bytes, const at::Tensor& tensor, Dtype dtype);

/// A source that writes the tensor (copied to the CPU when its turn comes) in `dtype`.
TensorSource source_of(std::string name, at::Tensor tensor, Dtype dtype);

/// Tensors of a flat buffer start at multiples of this many elements: at 64 bytes, in any dtype.
/// Elsewhere kernels may sum in another order, and an expanded model would no longer equal its base
/// bit for bit.
constexpr std::int64_t kFlatAlignment = 32;

constexpr std::int64_t rounded_up(std::int64_t number, std::int64_t unit) {
  return (number + unit - 1) / unit * unit;
}

}  // namespace expandft
