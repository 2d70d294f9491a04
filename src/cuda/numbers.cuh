#pragma once

#include "cuda/kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace expandft::gpu {

__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
__device__ inline float to_float(__half x) {
  return __half2float(x);
}

template <typename T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ inline __half from_float<__half>(float x) {
  return __float2half_rn(x);
}

/// x rounded to T, as if stored in a tensor.
template <typename T>
__device__ float rounded(float x) {
  return to_float(from_float<T>(x));
}

/// Adjacent numbers that are read or written together.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T numbers[kWidth];

  __device__ static Pack load(const T* from) { return *reinterpret_cast<const Pack*>(from); }
  __device__ void store(T* to) const { *reinterpret_cast<Pack*>(to) = *this; }
  __device__ float at(int i) const { return to_float(numbers[i]); }
  __device__ void set(int i, float x) { numbers[i] = from_float<T>(x); }
};

/// How many numbers of T fit in 16 bytes.
template <typename T>
constexpr int kWide = 16 / static_cast<int>(sizeof(T));

/// Whether all rows can be read 16 bytes at a time: address and stride are aligned.
template <typename T>
bool is_aligned(const void* data, std::int64_t stride = 0) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % kWide<T> == 0;
}
template <typename T, typename RowsOf>
bool are_aligned(const RowsOf& rows) {
  return is_aligned<T>(rows.data, rows.stride);
}

template <typename T>
struct Type {
  using type = T;
};
/// Calls visit(Type<T>()) with the C++ type of a dtype.
template <typename Visit>
void with_type(Number number, Visit visit) {
  switch (number) {
    case Number::kFloat32:
      return visit(Type<float>());
    case Number::kBFloat16:
      return visit(Type<__nv_bfloat16>());
    case Number::kFloat16:
      return visit(Type<__half>());
  }
}

}  // namespace expandft::gpu
