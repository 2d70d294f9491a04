#include "kernels/cpu_attention.h"

#include "kernels/attention_kernels.h"
#include "kernels/cpu_dispatch.h"

#include <algorithm>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

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

/// A PackedHead and the arrays that it points to.
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

/// Copies rows of sums (padded, wide) to their places, `stride` apart.
void unpack(const std::vector<float>& sums, const PackedHead& like, std::int64_t stride,
            float* to) {
  for (std::int64_t t = 0; t < like.length; ++t) {
    std::copy_n(sums.data() + t * like.wide, like.dim, to + t * stride);
  }
}

/// The arrays of one call: contiguous, one row a token.
struct CpuAttention {
  std::int64_t heads = 0, kv_heads = 0, dim = 0;
  float scale = 1;
  const float *q = nullptr, *k = nullptr, *v = nullptr;  // (N, heads | kv_heads, dim)

  /// One sequence (tokens [begin, begin + length)) and one key head, with all query heads that it
  /// serves. Writes their parts of out (N, heads, dim) and, for the backward pass, of lse (heads,
  /// N), with `tokens` = N: log Σ exp(scale·q·k) of each row.
  void forward(std::int64_t begin, std::int64_t length, std::int64_t kv_head, float* out,
               float* lse, std::int64_t tokens) const;
  /// The backward pass of the same: writes its parts of dq, dk, dv (shapes of q, k, v).
  void backward(std::int64_t begin, std::int64_t length, std::int64_t kv_head, const float* out,
                const float* dout, const float* lse, std::int64_t tokens, float* dq, float* dk,
                float* dv) const;
};

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

CpuAttention arrays_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       double scale) {
  return {.heads = q.size(1),
          .kv_heads = k.size(1),
          .dim = q.size(2),
          .scale = static_cast<float>(scale),
          .q = q.const_data_ptr<float>(),
          .k = k.const_data_ptr<float>(),
          .v = v.const_data_ptr<float>()};
}

/// Calls visit(begin, length, kv_head) for every sequence and key head, from all threads.
template <typename Visit>
void for_each_head(const std::vector<std::int64_t>& offsets, std::int64_t kv_heads, Visit visit) {
  const auto sequences = static_cast<std::int64_t>(offsets.size()) - 1;
  for_each_task(sequences * kv_heads, [&](std::int64_t task) {
    const auto sequence = static_cast<std::size_t>(task / kv_heads);
    visit(offsets[sequence], offsets[sequence + 1] - offsets[sequence], task % kv_heads);
  });
}

struct CpuAttentionFunction : torch::autograd::Function<CpuAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale) {
    const std::int64_t tokens = q.size(0);
    at::Tensor out = at::empty(q.sizes(), q.options());
    at::Tensor lse = at::empty({q.size(1), tokens}, q.options());
    const CpuAttention attention = arrays_of(q, k, v, scale);
    for_each_head(offsets, k.size(1),
                  [&, y = out.data_ptr<float>(), l = lse.data_ptr<float>()](
                      std::int64_t begin, std::int64_t length, std::int64_t h) {
                    attention.forward(begin, length, h, y, l, tokens);
                  });
    ctx->save_for_backward({q, k, v, out, lse});
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    const CpuAttention attention = arrays_of(q, k, v, ctx->saved_data["scale"].toDouble());
    for_each_head(ctx->saved_data["offsets"].toIntVector(), k.size(1),
                  [&, a = dq.data_ptr<float>(), b = dk.data_ptr<float>(), c = dv.data_ptr<float>()](
                      std::int64_t begin, std::int64_t length, std::int64_t h) {
                    attention.backward(begin, length, h, out.const_data_ptr<float>(),
                                       dout.const_data_ptr<float>(), lse.const_data_ptr<float>(),
                                       q.size(0), a, b, c);
                  });
    return {dq, dk, dv, {}, {}};
  }
};

}  // namespace

bool suits_cpu_attention(const at::Tensor& q, const std::vector<std::int64_t>& offsets) {
  constexpr std::int64_t kMostNumbers = 1 << 16;  // of a sequence's keys
  if (!q.is_cpu() || q.scalar_type() != at::kFloat) return false;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    if ((offsets[i + 1] - offsets[i]) * q.size(2) > kMostNumbers) return false;
  }
  return true;
}

at::Tensor cpu_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const std::vector<std::int64_t>& offsets, double scale) {
  return CpuAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                     scale);
}

}  // namespace expandft
