#include "cuda/gated.cuh"

namespace expandft::gpu {
namespace {

template <typename A, typename T, int kWidth>
__global__ void gated_backward_kernel(GatedBackward g) {
  using P = Pack<T, kWidth>;
  const std::int64_t j = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kWidth;
  if (j >= g.columns) return;
  const auto from = [j](const ConstRows& rows, std::int64_t row) {
    return P::load(static_cast<const T*>(rows.data) + row * rows.stride + j);
  };
  const auto to = [j](const Rows& rows, std::int64_t row) {
    return static_cast<T*>(rows.data) + row * rows.stride + j;
  };
  for (std::int64_t row = blockIdx.y; row < g.rows; row += gridDim.y) {
    const P grad = from(g.grad, row), gate = from(g.gate, row), up = from(g.up, row);
    P value, dgate, dup;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const Activated a = A::both(gate.at(i));
      const float activated = rounded<T>(a.value);
      value.set(i, activated * up.at(i));
      dgate.set(i, rounded<T>(grad.at(i) * up.at(i)) * a.slope);
      dup.set(i, grad.at(i) * activated);
    }
    if (g.value.data != nullptr) value.store(to(g.value, row));
    dgate.store(to(g.dgate, row));
    dup.store(to(g.dup, row));
  }
}

}  // namespace

void launch_gated_backward(const GatedBackward& given, cudaStream_t stream) {
  if (given.rows == 0 || given.columns == 0) return;
  GatedBackward g = given;
  const bool has_value = g.value.data != nullptr;
  const auto touch = [&](const auto& rows) { return rows.stride == g.columns; };
  if (touch(g.grad) && touch(g.gate) && touch(g.up) && touch(g.dgate) && touch(g.dup) &&
      (!has_value || touch(g.value))) {
    g.columns *= g.rows;
    g.rows = 1;
  }
  with_type(g.number, [&]<typename T>(Type<T>) {
    with_activation(g.activation, [&]<typename A>(A) {
      const bool wide = g.columns % kWide<T> == 0 && are_aligned<T>(g.grad) &&
                        are_aligned<T>(g.gate) && are_aligned<T>(g.up) && are_aligned<T>(g.dgate) &&
                        are_aligned<T>(g.dup) && (!has_value || are_aligned<T>(g.value));
      const dim3 blocks = gated_blocks(g.rows, g.columns, wide ? kWide<T> : 1);
      if (wide) {
        gated_backward_kernel<A, T, kWide<T>><<<blocks, kGatedThreads, 0, stream>>>(g);
      } else {
        gated_backward_kernel<A, T, 1><<<blocks, kGatedThreads, 0, stream>>>(g);
      }
    });
  });
}

}  // namespace expandft::gpu
