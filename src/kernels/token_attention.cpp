#include "kernels/token_attention.h"

#include "kernels/cpu_dispatch.h"
#include "kernels/simd/decode_kernels.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace expandft {
namespace {

/// The tensor, or a copy, with the numbers of each head and the heads of each row side by side.
at::Tensor with_dense_heads(const at::Tensor& x) {
  return x.stride(2) == 1 && (x.size(1) == 1 || x.stride(1) == x.size(2)) ? x : x.contiguous();
}

}  // namespace

at::Tensor token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<SeenRows>& seen, double scale) {
  const std::int64_t heads = q.size(1), dim = q.size(2), kv_heads = k.size(1);
  const std::int64_t group = heads / kv_heads;
  const at::Tensor queries = q.contiguous();
  const at::Tensor keys = with_dense_heads(k), values = with_dense_heads(v);
  at::Tensor out = at::empty(q.sizes(), q.options());
  constexpr std::int64_t kTokens = 8;  // of a task
  const std::int64_t tokens = q.size(0);
  for_each_task((tokens + kTokens - 1) / kTokens, [&](std::int64_t task) {
    std::vector<std::int64_t> rows;
    std::vector<float> scratch;
    const std::int64_t end = std::min(tokens, (task + 1) * kTokens);
    for (std::int64_t i = task * kTokens; i < end; ++i) {
      const auto& [first, second] = seen[static_cast<std::size_t>(i)];
      rows.resize(static_cast<std::size_t>(first.size() + second.size()));
      const auto middle = rows.begin() + first.size();
      std::iota(rows.begin(), middle, first.begin);
      std::iota(middle, rows.end(), second.begin);
      const auto count = std::ssize(rows);
      scratch.resize(static_cast<std::size_t>(attention_scratch(group, count)));
      for (std::int64_t head = 0; head < kv_heads; ++head) {
        const std::int64_t place = (i * heads + head * group) * dim;
        decode_kernels().attention({.heads = group,
                                    .dim = dim,
                                    .keys = count,
                                    .rows = rows.data(),
                                    .k_stride = keys.stride(0),
                                    .v_stride = values.stride(0),
                                    .scale = static_cast<float>(scale),
                                    .q = queries.const_data_ptr<float>() + place,
                                    .k = keys.const_data_ptr<float>() + head * dim,
                                    .v = values.const_data_ptr<float>() + head * dim,
                                    .out = out.data_ptr<float>() + place,
                                    .scratch = scratch.data()});
      }
    }
  });
  return out;
}

}  // namespace expandft
