#pragma once

namespace expandft::gpu {

constexpr int kWarp = 32;

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffU, x, step);
  return x;
}

/// The sum over the threads of a row, for all of them. A row's threads are those of one
/// threadIdx.y: one warp, or several warps if the block has that row alone. Called once in a
/// kernel.
__device__ inline float row_sum(float x) {
  x = warp_sum(x);
  if (blockDim.x == kWarp) return x;
  __shared__ float parts[kWarp];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  if (lane == 0) parts[warp] = x;
  __syncthreads();
  return warp_sum(lane < blockDim.x / kWarp ? parts[lane] : 0.0F);
}

}  // namespace expandft::gpu
