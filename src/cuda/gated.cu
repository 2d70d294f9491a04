#include "cuda/gated.cuh"

namespace expandft::gpu {
namespace {

template <typename A, typename T, int kWidth>
__global__ void gated_kernel(GatedForward g) {
  using P = Pack<T, kWidth>;
  const std::int64_t j = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kWidth;
  if (j >= g.columns) return;
  for (std::int64_t row = blockIdx.y; row < g.rows; row += gridDim.y) {
    const P gate = P::load(static_cast<const T*>(g.gate.data) + row * g.gate.stride + j);
    const P up = P::load(static_cast<const T*>(g.up.data) + row * g.up.stride + j);
    P out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out.set(i, rounded<T>(A::value(gate.at(i))) * up.at(i));
    out.store(static_cast<T*>(g.out.data) + row * g.out.stride + j);
  }
}

}  // namespace

void launch_gated(const GatedForward& given, cudaStream_t stream) {
  if (given.rows == 0 || given.columns == 0) return;
  GatedForward g = given;
  const auto touch = [&](const auto& rows) { return rows.stride == g.columns; };
  if (touch(g.gate) && touch(g.up) && touch(g.out)) {
    g.columns *= g.rows;
    g.rows = 1;
  }
  with_type(g.number, [&]<typename T>(Type<T>) {
    with_activation(g.activation, [&]<typename A>(A) {
      const bool wide = g.columns % kWide<T> == 0 && are_aligned<T>(g.gate) &&
                        are_aligned<T>(g.up) && are_aligned<T>(g.out);
      const dim3 blocks = gated_blocks(g.rows, g.columns, wide ? kWide<T> : 1);
      if (wide) {
        gated_kernel<A, T, kWide<T>><<<blocks, kGatedThreads, 0, stream>>>(g);
      } else {
        gated_kernel<A, T, 1><<<blocks, kGatedThreads, 0, stream>>>(g);
      }
    });
  });
}

}  // namespace expandft::gpu
