#include "kernels/cpu_attention.h"

#include "kernels/attention_kernels.h"
#include "kernels/instruction_set.h"

#include <algorithm>
#include <vector>

namespace expandft {
namespace {

const AttentionKernels& kernels() {
#if defined(EXPANDFT_X86_KERNELS)
  static const AttentionKernels& best =
      best_of(kAvx512Attention, kAvx2Attention, kBaselineAttention);
  return best;
#else
  return kBaselineAttention;
#endif
}

std::int64_t round_up(std::int64_t n, std::int64_t to) {
  return (n + to - 1) / to * to;
}

/// Owns what a PackedHead points to.
class Packing {
 public:
  Packing(const float* from, std::int64_t stride, std::int64_t length, std::int64_t dim) {
    head_ = {.dim = dim,
             .wide = round_up(dim, kVectorFloats),
             .length = length,
             .padded = round_up(length, kKeyBlock)};
    rows_.resize(static_cast<std::size_t>(head_.padded * head_.wide));
    columns_.resize(static_cast<std::size_t>(dim * head_.padded));
    for (std::int64_t t = 0; t < length; ++t) {
      for (std::int64_t d = 0; d < dim; ++d) {
        const float x = from[t * stride + d];
        rows_[static_cast<std::size_t>(t * head_.wide + d)] = x;
        columns_[static_cast<std::size_t>(d * head_.padded + t)] = x;
      }
    }
    head_.rows = rows_.data();
    head_.columns = columns_.data();
  }
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;
  const PackedHead& head() const { return head_; }

 private:
  PackedHead head_;
  std::vector<float> rows_, columns_;
};

/// Rows of sums (padded, wide) to their places, `stride` apart.
void unpack(const std::vector<float>& sums, const PackedHead& like, std::int64_t stride,
            float* to) {
  for (std::int64_t t = 0; t < like.length; ++t) {
    std::copy_n(sums.data() + t * like.wide, like.dim, to + t * stride);
  }
}

}  // namespace

void CpuAttention::forward(std::int64_t begin, std::int64_t length, std::int64_t kv_head,
                           float* out, float* lse, std::int64_t tokens) const {
  const std::int64_t stride = heads * dim, kv_stride = kv_heads * dim, group = heads / kv_heads;
  const std::int64_t kv_place = begin * kv_stride + kv_head * dim;
  const Packing keys(k + kv_place, kv_stride, length, dim);
  const Packing values(v + kv_place, kv_stride, length, dim);
  std::vector<float> scratch(static_cast<std::size_t>(forward_scratch(keys.head())));
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const std::int64_t place = begin * stride + head * dim;
    kernels().forward({.k = keys.head(),
                       .v = values.head(),
                       .stride = stride,
                       .scale = scale,
                       .q = q + place,
                       .out = out + place,
                       .lse = lse + head * tokens + begin,
                       .scratch = scratch.data()});
  }
}

void CpuAttention::backward(std::int64_t begin, std::int64_t length, std::int64_t kv_head,
                            const float* out, const float* dout, const float* lse,
                            std::int64_t tokens, float* dq, float* dk, float* dv) const {
  const std::int64_t stride = heads * dim, kv_stride = kv_heads * dim, group = heads / kv_heads;
  const std::int64_t kv_place = begin * kv_stride + kv_head * dim;
  const Packing keys(k + kv_place, kv_stride, length, dim);
  const Packing values(v + kv_place, kv_stride, length, dim);
  const PackedHead& packed = keys.head();
  std::vector<float> dk_sums(static_cast<std::size_t>(packed.padded * packed.wide));
  std::vector<float> dv_sums(dk_sums.size());
  std::vector<float> scratch(static_cast<std::size_t>(backward_scratch(packed)));
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const std::int64_t place = begin * stride + head * dim;
    kernels().backward({.k = packed,
                        .v = values.head(),
                        .stride = stride,
                        .scale = scale,
                        .q = q + place,
                        .out = out + place,
                        .dout = dout + place,
                        .lse = lse + head * tokens + begin,
                        .dq = dq + place,
                        .dk = dk_sums.data(),
                        .dv = dv_sums.data(),
                        .scratch = scratch.data()});
  }
  unpack(dk_sums, packed, kv_stride, dk + kv_place);
  unpack(dv_sums, packed, kv_stride, dv + kv_place);
}

}  // namespace expandft
