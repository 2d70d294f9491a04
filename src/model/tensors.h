#pragma once

#include "checkpoint/safetensors.h"

#include <string>

#include <ATen/ATen.h>

namespace expandft {

at::ScalarType scalar_type(Dtype dtype);
Dtype dtype_of(at::ScalarType type);

/// A CPU tensor over the bytes of a mapped file, without a copy. It keeps the file mapped and must
/// not be written to: the pages are read-only.
at::Tensor mapped_tensor(const TensorView& view);

/// Rows [begin, begin + count) of the first dimension.
TensorView rows_of(const TensorView& view, std::int64_t begin, std::int64_t count);

/// The tensor in the given dtype on the given device. On a CPU it stays mapped if the dtype is the
/// file's and its start is aligned: to 64 bytes in fp32, to whole elements in 16-bit dtypes.
/// Otherwise it is copied and the mapped pages are released, so the tensor is in memory once either
/// way.
at::Tensor load_tensor(const TensorView& view, at::ScalarType dtype, at::Device device);

/// Writes the numbers of a tensor to `bytes` in `dtype`, row-major.
void copy_into(std::span<std::byte> bytes, const at::Tensor& tensor, Dtype dtype);

/// A source that writes the tensor in `dtype`; it is copied to the CPU only when it is written.
TensorSource source_of(std::string name, at::Tensor tensor, Dtype dtype);

/// Tensors of a flat buffer start at multiples of this many elements: at 64 bytes, in any dtype.
/// Elsewhere kernels may sum in another order, and an expanded model would no longer equal its base
/// bit for bit.
constexpr std::int64_t kFlatAlignment = 32;

constexpr std::int64_t rounded_up(std::int64_t number, std::int64_t unit) {
  return (number + unit - 1) / unit * unit;
}

}  // namespace expandft
