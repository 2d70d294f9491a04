#include "cuda/block_reduction.cuh"
#include "cuda/numbers.cuh"

#include <algorithm>

namespace expandft::gpu {
namespace {

// A row is read twice, the second time from the L1 cache.

template <typename T, int kWidth>
__global__ void norm_kernel(NormForward n) {
  using P = Pack<T, kWidth>;
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= n.rows) return;
  const T* x = static_cast<const T*>(n.x.data) + row * n.x.stride;
  const T* weight = static_cast<const T*>(n.weight);
  T* y = static_cast<T*>(n.y) + row * n.columns;
  const int columns = static_cast<int>(n.columns), step = static_cast<int>(blockDim.x) * kWidth;
  const int first = static_cast<int>(threadIdx.x) * kWidth;

  float squares = 0;
  for (int j = first; j < columns; j += step) {
    const P a = P::load(x + j);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) squares += a.at(i) * a.at(i);
  }
  const float r = rsqrtf(row_sum(squares) / static_cast<float>(columns) + n.eps);
  if (threadIdx.x == 0) n.rstd[row] = r;
  for (int j = first; j < columns; j += step) {
    const P a = P::load(x + j), w = P::load(weight + j);
    P out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      out.set(i, n.rounds_first ? rounded<T>(a.at(i) * r) * w.at(i) : a.at(i) * r * (w.at(i) + n.added));
    }
    out.store(y + j);
  }
}

// With n = x·r: dx = r·(g − n·mean(g·n)), where g = dy·w (or dy·(1 + w)).
template <typename T, int kWidth>
__global__ void norm_backward_kernel(NormBackward n) {
  using P = Pack<T, kWidth>;
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= n.rows) return;
  const T* dy = static_cast<const T*>(n.dy.data) + row * n.dy.stride;
  const T* x = static_cast<const T*>(n.x.data) + row * n.x.stride;
  const T* weight = static_cast<const T*>(n.weight);
  T* dx = static_cast<T*>(n.dx) + row * n.columns;
  const int columns = static_cast<int>(n.columns), step = static_cast<int>(blockDim.x) * kWidth;
  const int first = static_cast<int>(threadIdx.x) * kWidth;
  const float r = n.rstd[row];

  float products = 0;
  for (int j = first; j < columns; j += step) {
    const P d = P::load(dy + j), a = P::load(x + j), w = P::load(weight + j);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) products += d.at(i) * (w.at(i) + n.added) * (a.at(i) * r);
  }
  const float projection = row_sum(products) / static_cast<float>(columns);
  for (int j = first; j < columns; j += step) {
    const P d = P::load(dy + j), a = P::load(x + j), w = P::load(weight + j);
    P out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      out.set(i, (d.at(i) * (w.at(i) + n.added) - a.at(i) * r * projection) * r);
    }
    out.store(dx + j);
  }
}

struct Shape {
  dim3 blocks, threads;
};
/// Rows of up to 64 packs get a warp each, four to a block (norms of heads); longer rows a block.
Shape shape_of(std::int64_t rows, std::int64_t columns, int width) {
  const std::int64_t packs = (columns + width - 1) / width;
  if (packs <= 2 * kWarp) return {dim3(static_cast<unsigned>((rows + 3) / 4)), dim3(kWarp, 4)};
  const std::int64_t warps = std::min<std::int64_t>((packs + kWarp - 1) / kWarp, 32);
  return {dim3(static_cast<unsigned>(rows)), dim3(static_cast<unsigned>(warps * kWarp))};
}

}  // namespace

void launch_norm(const NormForward& n, cudaStream_t stream) {
  if (n.rows == 0 || n.columns == 0) return;
  with_type(n.number, [&]<typename T>(Type<T>) {
    const bool wide = n.columns % kWide<T> == 0 && are_aligned<T>(n.x) && is_aligned<T>(n.weight) &&
                      is_aligned<T>(n.y);
    const Shape shape = shape_of(n.rows, n.columns, wide ? kWide<T> : 1);
    if (wide) {
      norm_kernel<T, kWide<T>><<<shape.blocks, shape.threads, 0, stream>>>(n);
    } else {
      norm_kernel<T, 1><<<shape.blocks, shape.threads, 0, stream>>>(n);
    }
  });
}

void launch_norm_backward(const NormBackward& n, cudaStream_t stream) {
  if (n.rows == 0 || n.columns == 0) return;
  with_type(n.number, [&]<typename T>(Type<T>) {
    const bool wide = n.columns % kWide<T> == 0 && are_aligned<T>(n.dy) && are_aligned<T>(n.x) &&
                      is_aligned<T>(n.weight) && is_aligned<T>(n.dx);
    const Shape shape = shape_of(n.rows, n.columns, wide ? kWide<T> : 1);
    if (wide) {
      norm_backward_kernel<T, kWide<T>><<<shape.blocks, shape.threads, 0, stream>>>(n);
    } else {
      norm_backward_kernel<T, 1><<<shape.blocks, shape.threads, 0, stream>>>(n);
    }
  });
}

}  // namespace expandft::gpu
