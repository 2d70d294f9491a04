#include "model/attention.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Consecutive sequences of one length, computed in one call.
struct Run {
  std::int64_t begin, count, length;
  std::int64_t tokens() const { return count * length; }
};

std::vector<Run> runs_of(const std::vector<std::int64_t>& offsets) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    if (!runs.empty() && runs.back().length == length) {
      ++runs.back().count;
    } else {
      runs.push_back({offsets[i], 1, length});
    }
  }
  return runs;
}

/// Tokens of a run as (count, heads, length, dim), a view.
at::Tensor heads_first(const at::Tensor& x, const Run& run) {
  return x.narrow(0, run.begin, run.tokens())
      .view({run.count, run.length, x.size(1), x.size(2)})
      .transpose(1, 2);
}

/// (count, heads, length, dim) back to the run's place in `out` (N, heads, dim).
void put_back(const at::Tensor& x, const Run& run, at::Tensor& out) {
  heads_first(out, run).copy_(x);
}

/// Each key head repeated for the query heads it serves: (N, kv_heads, dim) -> (N, heads, dim).
at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads) {
  const std::int64_t groups = heads / x.size(1);
  if (groups == 1) return x;
  return x.unsqueeze(2).expand({-1, -1, groups, -1}).reshape({x.size(0), heads, x.size(2)});
}

// The CPU's flash kernel, called directly: slices of one tensor, seen by autograd, would each get a
// gradient of the whole tensor's size.
struct CpuAttentionFunction : torch::autograd::Function<CpuAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    variable_list saved{q, k, v, out};
    for (const Run& run : runs_of(offsets)) {
      auto [y, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_first(q, run), heads_first(k, run), heads_first(v, run), /*dropout_p=*/0.0,
          /*is_causal=*/true, /*attn_mask=*/{}, scale);
      put_back(y, run, out);
      saved.push_back(lse);
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3];
    const double scale = ctx->saved_data["scale"].toDouble();
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    std::size_t next = 4;
    for (const Run& run : runs_of(ctx->saved_data["offsets"].toIntVector())) {
      auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(dout, run), heads_first(q, run), heads_first(k, run), heads_first(v, run),
          heads_first(out, run), saved[next++], /*dropout_p=*/0.0, /*is_causal=*/true,
          /*attn_mask=*/{}, scale);
      put_back(gq, run, dq);
      put_back(gk, run, dk);
      put_back(gv, run, dv);
    }
    return {dq, dk, dv, {}, {}};
  }
};

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets, double scale) {
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  if (q.is_cpu()) {
    return CpuAttentionFunction::apply(q.contiguous(), keys.contiguous(), values.contiguous(),
                                       offsets, scale);
  }
  std::vector<at::Tensor> parts;
  for (const Run& run : runs_of(offsets)) {
    const at::Tensor y = at::scaled_dot_product_attention(
        heads_first(q, run), heads_first(keys, run), heads_first(values, run), /*attn_mask=*/{},
        /*dropout_p=*/0.0, /*is_causal=*/true, scale);
    parts.push_back(y.transpose(1, 2).reshape({run.tokens(), q.size(1), q.size(2)}));
  }
  return at::cat(parts);
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            double scale) {
  const std::int64_t n = q.size(0), length = k.size(0);
  const auto batch = [&](const at::Tensor& x) {
    return repeat_heads(x, q.size(1)).transpose(0, 1).unsqueeze(0);
  };
  std::optional<at::Tensor> mask;
  if (n > 1) {
    // Token i of the new ones sees the length - n before them, and the new ones up to itself.
    mask = at::ones({n, length}, q.options().dtype(at::kBool)).tril_(length - n);
  }
  const at::Tensor y = at::scaled_dot_product_attention(
      batch(q), batch(k), batch(v), mask, /*dropout_p=*/0.0, /*is_causal=*/false, scale);
  return y.squeeze(0).transpose(0, 1);
}

}  // namespace expandft
