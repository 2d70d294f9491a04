#include "model/attention.h"

#include "model/cpu_attention.h"

#include <ATen/Parallel.h>
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

/// Whether our own kernel takes these sequences: fp32, and none too long.
bool suits_cpu_attention(const at::Tensor& q, const std::vector<std::int64_t>& offsets) {
  if (q.scalar_type() != at::kFloat) return false;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    if (!CpuAttention::suits(offsets[i + 1] - offsets[i], q.size(2))) return false;
  }
  return true;
}

CpuAttention cpu_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           double scale) {
  return {.heads = q.size(1),
          .kv_heads = k.size(1),
          .dim = q.size(2),
          .scale = static_cast<float>(scale),
          .q = q.const_data_ptr<float>(),
          .k = k.const_data_ptr<float>(),
          .v = v.const_data_ptr<float>()};
}

/// Calls visit(begin, length, kv_head) for every sequence and key head, over the threads.
template <typename Visit>
void for_each_head(const std::vector<std::int64_t>& offsets, std::int64_t kv_heads, Visit visit) {
  const auto sequences = static_cast<std::int64_t>(offsets.size()) - 1;
  at::parallel_for(0, sequences * kv_heads, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      const auto sequence = static_cast<std::size_t>(task / kv_heads);
      visit(offsets[sequence], offsets[sequence + 1] - offsets[sequence], task % kv_heads);
    }
  });
}

struct ShortAttentionFunction : torch::autograd::Function<ShortAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale) {
    const std::int64_t tokens = q.size(0);
    at::Tensor out = at::empty(q.sizes(), q.options());
    at::Tensor lse = at::empty({q.size(1), tokens}, q.options());
    const CpuAttention attention = cpu_attention(q, k, v, scale);
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
    const CpuAttention attention = cpu_attention(q, k, v, ctx->saved_data["scale"].toDouble());
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

// The CPU's flash kernel, called directly: slices of one tensor, seen by autograd, would each get a
// gradient of the whole tensor's size.
struct LongAttentionFunction : torch::autograd::Function<LongAttentionFunction> {
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
  if (q.is_cpu() && suits_cpu_attention(q, offsets)) {
    return ShortAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                         scale);
  }
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  if (q.is_cpu()) {
    return LongAttentionFunction::apply(q.contiguous(), keys.contiguous(), values.contiguous(),
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
