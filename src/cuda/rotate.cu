#include "cuda/block_reduction.cuh"
#include "cuda/numbers.cuh"

#include <algorithm>

namespace expandft::gpu {
namespace {

/// One block for each token, whose heads share their angles.
template <typename T, int kWidth>
__global__ void rotate_kernel(Rotation turn) {
  using P = Pack<T, kWidth>;
  const std::int64_t token = blockIdx.x;
  const int heads = static_cast<int>(turn.heads), half = static_cast<int>(turn.half);
  const T* x = static_cast<const T*>(turn.x) + token * turn.token_stride;
  const T* cos = static_cast<const T*>(turn.cos) + token * half;
  const T* sin = static_cast<const T*>(turn.sin) + token * half;
  T* out = static_cast<T*>(turn.out) + token * heads * turn.head_dim;
  const float sign = turn.back ? -1.0F : 1.0F;

  const int pairs = half / kWidth;  // packs of pairs in a head
  for (int item = static_cast<int>(threadIdx.x); item < heads * pairs;
       item += static_cast<int>(blockDim.x)) {
    const int head = item / pairs, j = item % pairs * kWidth;
    const T* from = x + head * turn.head_stride + j;
    T* to = out + head * turn.head_dim + j;
    const P a = P::load(from), b = P::load(from + half), c = P::load(cos + j), s = P::load(sin + j);
    P first, second;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      // Two roundings, as in plain_ops.h: x·cos is stored in a tensor before the second product is
      // added.
      first.set(i, rounded<T>(a.at(i) * c.at(i)) - sign * s.at(i) * b.at(i));
      second.set(i, rounded<T>(b.at(i) * c.at(i)) + sign * s.at(i) * a.at(i));
    }
    first.store(to);
    second.store(to + half);
  }

  const int rest = (static_cast<int>(turn.head_dim) - 2 * half) / kWidth;
  for (int item = static_cast<int>(threadIdx.x); item < heads * rest;
       item += static_cast<int>(blockDim.x)) {
    const int head = item / rest, j = 2 * half + item % rest * kWidth;
    P::load(x + head * turn.head_stride + j).store(out + head * turn.head_dim + j);
  }
}

}  // namespace

void launch_rotate(const Rotation& turn, cudaStream_t stream) {
  if (turn.tokens == 0 || turn.heads == 0 || turn.head_dim == 0) return;
  with_type(turn.number, [&]<typename T>(Type<T>) {
    const bool wide = turn.half % kWide<T> == 0 && turn.head_dim % kWide<T> == 0 &&
                      is_aligned<T>(turn.x, turn.token_stride) &&
                      turn.head_stride % kWide<T> == 0 && is_aligned<T>(turn.cos) &&
                      is_aligned<T>(turn.sin) && is_aligned<T>(turn.out);
    const std::int64_t items =
        turn.heads * std::max(turn.half, turn.head_dim - 2 * turn.half) / (wide ? kWide<T> : 1);
    const auto warps = std::clamp<std::int64_t>((items + kWarp - 1) / kWarp, 1, 8);
    const auto threads = static_cast<unsigned>(warps * kWarp);
    const auto blocks = static_cast<unsigned>(turn.tokens);
    if (wide) {
      rotate_kernel<T, kWide<T>><<<blocks, threads, 0, stream>>>(turn);
    } else {
      rotate_kernel<T, 1><<<blocks, threads, 0, stream>>>(turn);
    }
  });
}

}  // namespace expandft::gpu
