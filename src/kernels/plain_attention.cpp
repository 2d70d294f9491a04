#include "kernels/plain_attention.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Copies (count, heads, length, dim) to the run's place in `out` (N, heads, dim).
void copy_back(const at::Tensor& x, const SequenceRun& run, at::Tensor& out) {
  heads_first(out, run).copy_(x);
}

// Calls LibTorch's kernel below autograd: the backward pass of each run's slice would otherwise
// allocate a gradient of the whole tensor's size.
struct RunAttentionFunction : torch::autograd::Function<RunAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    variable_list saved{q, k, v, out};
    for (const SequenceRun& run : sequence_runs(offsets)) {
      auto [y, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_first(q, run), heads_first(k, run), heads_first(v, run), /*dropout_p=*/0.0,
          /*is_causal=*/true, /*attn_mask=*/{}, scale);
      copy_back(y, run, out);
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
    for (const SequenceRun& run : sequence_runs(ctx->saved_data["offsets"].toIntVector())) {
      auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(dout, run), heads_first(q, run), heads_first(k, run), heads_first(v, run),
          heads_first(out, run), saved[next++], /*dropout_p=*/0.0, /*is_causal=*/true,
          /*attn_mask=*/{}, scale);
      copy_back(gq, run, dq);
      copy_back(gk, run, dk);
      copy_back(gv, run, dv);
    }
    return {dq, dk, dv, {}, {}};
  }
};

}  // namespace

std::vector<SequenceRun> sequence_runs(const std::vector<std::int64_t>& offsets) {
  std::vector<SequenceRun> runs;
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

at::Tensor heads_first(const at::Tensor& x, const SequenceRun& run) {
  return x.narrow(0, run.begin, run.tokens())
      .view({run.count, run.length, x.size(1), x.size(2)})
      .transpose(1, 2);
}

at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads) {
  const std::int64_t groups = heads / x.size(1);
  if (groups == 1) return x;
  return x.unsqueeze(2).expand({-1, -1, groups, -1}).reshape({x.size(0), heads, x.size(2)});
}

at::Tensor visible_tokens(std::int64_t n, std::int64_t length, std::optional<std::int64_t> window,
                          at::Device device) {
  const std::int64_t before = length - n;
  at::Tensor visible =
      at::ones({n, length}, at::TensorOptions().dtype(at::kBool).device(device)).tril_(before);
  if (window) visible.triu_(before - *window + 1);
  return visible;
}

at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale) {
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  if (q.is_cpu()) {
    return RunAttentionFunction::apply(q.contiguous(), keys.contiguous(), values.contiguous(),
                                       offsets, scale);
  }
  std::vector<at::Tensor> parts;
  for (const SequenceRun& run : sequence_runs(offsets)) {
    const at::Tensor y = at::scaled_dot_product_attention(
        heads_first(q, run), heads_first(keys, run), heads_first(values, run), /*attn_mask=*/{},
        /*dropout_p=*/0.0, /*is_causal=*/true, scale);
    parts.push_back(y.transpose(1, 2).reshape({run.tokens(), q.size(1), q.size(2)}));
  }
  return at::cat(parts);
}

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::optional<at::Tensor>& mask,
                            const AttentionOptions& options) {
  if (!options.softcap) {
    return at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0,
                                            /*is_causal=*/false, options.scale);
  }
  const double cap = *options.softcap;
  at::Tensor scores = at::matmul(q, k.transpose(-1, -2)).to(at::kFloat).mul_(options.scale / cap);
  scores.tanh_().mul_(cap);
  if (mask && mask->scalar_type() == at::kBool) {
    scores.masked_fill_(mask->logical_not(), -INFINITY);
  } else if (mask) {
    scores.add_(*mask);
  }
  return at::matmul(scores.softmax(-1).to(v.scalar_type()), v);
}

}  // namespace expandft
