#pragma once

namespace expandft::gpu {

constexpr int kWarp = 32;

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffU, x, step);
  return x;
}

/// The sum over the threads of a row, returned to each of them. The threads of one threadIdx.y share
/// a row: one warp, or several warps if the block has a single row. Call it only once in a kernel: a
/// second call could overwrite `parts` while other threads still read it.
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
