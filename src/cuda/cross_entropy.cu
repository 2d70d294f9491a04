#include "cuda/block_reduction.cuh"
#include "cuda/numbers.cuh"

#include <algorithm>
#include <cmath>

namespace expandft::gpu {
namespace {

/// Σ e^(x − peak) over the numbers so far, and the largest of them.
struct Exponentials {
  float peak = -INFINITY, sum = 0;

  /// What to subtract: 0 while all numbers are -inf, since -inf − -inf would be NaN.
  __device__ static float base(float peak) { return peak == -INFINITY ? 0.0F : peak; }
  __device__ void join(float other_peak, float other_sum) {
    const float most = fmaxf(peak, other_peak), from = base(most);
    sum = sum * expf(peak - from) + other_sum * expf(other_peak - from);
    peak = most;
  }
};

__device__ inline Exponentials warp_join(Exponentials e) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const float peak = __shfl_xor_sync(0xffffffffU, e.peak, step);
    const float sum = __shfl_xor_sync(0xffffffffU, e.sum, step);
    e.join(peak, sum);
  }
  return e;
}

/// Joins the sums of all threads of a block; each thread gets the result.
__device__ inline Exponentials block_join(Exponentials e) {
  __shared__ float peaks[kWarp], sums[kWarp];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  e = warp_join(e);
  if (lane == 0) peaks[warp] = e.peak, sums[warp] = e.sum;
  __syncthreads();
  Exponentials part;
  if (lane < blockDim.x / kWarp) part.peak = peaks[lane], part.sum = sums[lane];
  return warp_join(part);
}

/// Calls visit(pointer, pack type) for the numbers of a row, in packs of 16 bytes where aligned.
template <typename T, typename Visit>
__device__ void for_packs(T* row, int columns, Visit visit) {
  constexpr int kWidth = kWide<T>;
  const int threads = static_cast<int>(blockDim.x), me = static_cast<int>(threadIdx.x);
  const int lead =
      static_cast<int>((16 - reinterpret_cast<std::uintptr_t>(row) % 16) % 16 / sizeof(T));
  const int head = lead < columns ? lead : columns;
  const int packs = (columns - head) / kWidth, tail = head + packs * kWidth;
  if (me < head) visit(row + me, Type<Pack<T, 1>>());
  for (int i = me; i < packs; i += threads) {
    visit(row + head + i * kWidth, Type<Pack<T, kWidth>>());
  }
  if (tail + me < columns) visit(row + tail + me, Type<Pack<T, 1>>());
}

// d loss / d logits = weight·(softmax − onehot(target)), through the cap times 1 − (logit / cap)².
template <typename T>
__global__ void cross_entropy_kernel(CrossEntropy c) {
  const std::int64_t row = blockIdx.x;
  T* logits = static_cast<T*>(c.logits.data) + row * c.logits.stride;
  const int columns = static_cast<int>(c.columns);
  const std::int64_t target = c.targets[row];
  const bool is_column = target >= 0 && target < c.columns;
  const float at_target = is_column ? to_float(logits[target]) : NAN;

  Exponentials mine;
  for_packs(logits, columns, [&]<typename P>(const T* from, Type<P>) {
    constexpr int kWidth = sizeof(P) / sizeof(T);
    const P x = P::load(from);
    float most = mine.peak;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) most = fmaxf(most, x.at(i));
    const float base = Exponentials::base(most);
    mine.sum *= expf(mine.peak - base);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) mine.sum += expf(x.at(i) - base);
    mine.peak = most;
  });
  // Also a barrier: no thread writes a gradient before all have read the logits.
  const Exponentials all = block_join(mine);
  if (threadIdx.x == 0) c.losses[row] = logf(all.sum) - (at_target - all.peak);
  if (!c.wants_grad) return;

  float weight = c.weights != nullptr ? c.weights[row] : 1.0F;
  if (c.target_weights != nullptr) {
    weight = expf(at_target - all.peak) / all.sum;
    if (threadIdx.x == 0) c.target_weights[row] = weight;
  }
  const float factor = weight / all.sum;
  for_packs(logits, columns, [&]<typename P>(T* place, Type<P>) {
    constexpr int kWidth = sizeof(P) / sizeof(T);
    P x = P::load(place);
    const std::int64_t first = place - logits;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float part = c.cap > 0 ? x.at(i) / c.cap : 0.0F;
      const float softmax = expf(x.at(i) - all.peak) * factor;
      x.set(i, (first + i == target ? softmax - weight : softmax) * (1.0F - part * part));
    }
    x.store(place);
  });
}

}  // namespace

void launch_cross_entropy(const CrossEntropy& c, cudaStream_t stream) {
  if (c.rows == 0 || c.columns == 0) return;
  with_type(c.number, [&]<typename T>(Type<T>) {
    const std::int64_t packs = c.columns / kWide<T>;
    const auto warps = std::clamp<std::int64_t>(packs / (2 * kWarp), 1, 32);
    const auto threads = static_cast<unsigned>(warps * kWarp);
    cross_entropy_kernel<T><<<static_cast<unsigned>(c.rows), threads, 0, stream>>>(c);
  });
}

}  // namespace expandft::gpu
