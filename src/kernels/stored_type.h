#pragma once

#include "kernels/simd/bf16.h"

#include <optional>

#include <ATen/ATen.h>

namespace expandft {

// The CPU kernels are compiled for each type that tensors can be stored in: float and Bf16.

/// The dtype that all of the tensors have, if it is one and the same.
template <typename... Tensors>
std::optional<at::ScalarType> common_dtype(const at::Tensor& first, const Tensors&... others) {
  const at::ScalarType dtype = first.scalar_type();
  return ((others.scalar_type() == dtype) && ...) ? std::optional(dtype) : std::nullopt;
}

/// Calls run.template operator()<T>() for the type of this dtype, or plain() if it has no kernels.
template <typename Run, typename Plain>
auto with_stored_type(std::optional<at::ScalarType> dtype, Run run, Plain plain) {
  if (dtype == at::kFloat) return run.template operator()<float>();
  if (dtype == at::kBFloat16) return run.template operator()<Bf16>();
  return plain();
}

/// The numbers of a tensor that is stored as T.
template <typename T>
const T* numbers(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <typename T>
T* mutable_numbers(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

}  // namespace expandft
