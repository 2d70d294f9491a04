#include "kernels/attention.h"

#include "kernels/capped_attention.h"
#include "kernels/cpu_attention.h"
#include "kernels/flash_attention.h"
#include "kernels/parallel.h"
#include "kernels/sequence_runs.h"

#include <algorithm>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// (count, heads, length, dim) back to the run's place in `out` (N, heads, dim).
void put_back(const at::Tensor& x, const SequenceRun& run, at::Tensor& out) {
  heads_first(out, run).copy_(x);
}

/// Each key head repeated for the query heads it serves: (N, kv_heads, dim) -> (N, heads, dim).
at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads) {
  const std::int64_t groups = heads / x.size(1);
  if (groups == 1) return x;
  return x.unsqueeze(2).expand({-1, -1, groups, -1}).reshape({x.size(0), heads, x.size(2)});
}

/// The window, where it leaves out tokens of sequences of this length.
std::optional<std::int64_t> narrowing(std::optional<std::int64_t> window, std::int64_t length) {
  return window && *window < length ? window : std::nullopt;
}

std::int64_t longest(const std::vector<std::int64_t>& offsets) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    most = std::max(most, offsets[i + 1] - offsets[i]);
  }
  return most;
}

/// 0 where a token of a run sees another, -inf elsewhere; none when it sees all before it.
std::optional<at::Tensor> window_mask(const SequenceRun& run, std::int64_t window,
                                      const at::Tensor& like) {
  if (run.length <= window) return std::nullopt;
  const at::Tensor hidden =
      visible_tokens(run.length, run.length, window, like.device()).logical_not_();
  return at::zeros({run.length, run.length}, like.options()).masked_fill_(hidden, -INFINITY);
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
  for_each_task(sequences * kv_heads, [&](std::int64_t task) {
    const auto sequence = static_cast<std::size_t>(task / kv_heads);
    visit(offsets[sequence], offsets[sequence + 1] - offsets[sequence], task % kv_heads);
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
                            double scale, std::int64_t window) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    variable_list saved{q, k, v, out};
    for (const SequenceRun& run : sequence_runs(offsets)) {
      auto [y, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_first(q, run), heads_first(k, run), heads_first(v, run), /*dropout_p=*/0.0,
          /*is_causal=*/true, window_mask(run, window, q), scale);
      put_back(y, run, out);
      saved.push_back(lse);
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3];
    const double scale = ctx->saved_data["scale"].toDouble();
    const std::int64_t window = ctx->saved_data["window"].toInt();
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    std::size_t next = 4;
    for (const SequenceRun& run : sequence_runs(ctx->saved_data["offsets"].toIntVector())) {
      auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(dout, run), heads_first(q, run), heads_first(k, run), heads_first(v, run),
          heads_first(out, run), saved[next++], /*dropout_p=*/0.0, /*is_causal=*/true,
          window_mask(run, window, q), scale);
      put_back(gq, run, dq);
      put_back(gk, run, dk);
      put_back(gv, run, dv);
    }
    return {dq, dk, dv, {}, {}, {}};
  }
};

/// q (batch, heads, n, dim), k and v (batch, heads, L, dim); a mask that broadcasts to (batch,
/// heads, n, L), bool or added to the scores, or none: all are seen.
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

}  // namespace

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& options) {
  if (options.softcap) return capped_attention(q, k, v, offsets, options);
  const std::int64_t length = longest(offsets);
  const bool narrow = narrowing(options.window, length).has_value();
  if (q.is_cpu() && !narrow && suits_cpu_attention(q, offsets)) {
    return ShortAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                         options.scale);
  }
  if (suits_flash_attention(q)) {
    return flash_attention(q, k, v, offsets, options.scale, narrowing(options.window, length));
  }
  const std::int64_t window = options.window.value_or(length);
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  if (q.is_cpu()) {
    return LongAttentionFunction::apply(q.contiguous(), keys.contiguous(), values.contiguous(),
                                        offsets, options.scale, window);
  }
  std::vector<at::Tensor> parts;
  for (const SequenceRun& run : sequence_runs(offsets)) {
    std::optional<at::Tensor> mask;
    if (run.length > window) mask = visible_tokens(run.length, run.length, window, q.device());
    const at::Tensor y = at::scaled_dot_product_attention(
        heads_first(q, run), heads_first(keys, run), heads_first(values, run), mask,
        /*dropout_p=*/0.0, /*is_causal=*/!mask.has_value(), options.scale);
    parts.push_back(y.transpose(1, 2).reshape({run.tokens(), q.size(1), q.size(2)}));
  }
  return at::cat(parts);
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options) {
  // Keys that no new token sees are left out.
  const std::int64_t n = q.size(0);
  const std::int64_t length =
      std::min(k.size(0), options.window ? *options.window + n - 1 : k.size(0));
  const auto batch = [&](const at::Tensor& x) {
    return repeat_heads(x.narrow(0, x.size(0) - length, length), q.size(1))
        .transpose(0, 1)
        .unsqueeze(0);
  };
  std::optional<at::Tensor> mask;
  if (n > 1) mask = visible_tokens(n, length, options.window, q.device());
  return masked_attention(q.transpose(0, 1).unsqueeze(0), batch(k), batch(v), mask, options)
      .squeeze(0)
      .transpose(0, 1);
}

at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& visible, const AttentionOptions& options) {
  std::int64_t length = k.size(1);
  std::optional<at::Tensor> mask;
  if (visible.defined()) {
    mask = visible.unsqueeze(1).unsqueeze(1);
  } else if (options.window) {
    length = std::min(length, *options.window);
  }
  const auto seen = [&](const at::Tensor& x) {
    const at::Tensor last = x.narrow(1, x.size(1) - length, length);
    return repeat_heads(last.flatten(0, 1), q.size(1))
        .view({q.size(0), length, q.size(1), q.size(2)})
        .transpose(1, 2);
  };
  return masked_attention(q.unsqueeze(2), seen(k), seen(v), mask, options).squeeze(2);
}

at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets,
                           const std::vector<at::Tensor>& masks, const AttentionOptions& options) {
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  at::Tensor out = at::empty_like(q);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const SequenceRun group{offsets[i], 1, offsets[i + 1] - offsets[i]};
    put_back(masked_attention(heads_first(q, group), heads_first(keys, group),
                              heads_first(values, group), masks[i], options),
             group, out);
  }
  return out;
}

}  // namespace expandft
