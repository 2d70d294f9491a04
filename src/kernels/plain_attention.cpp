#include "kernels/plain_attention.h"

#include <algorithm>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Sequences and heads that are computed together: (sequences, heads of the group, length, dim).
struct Piece {
  SequenceRun run;
  std::int64_t kv_head, group;

  at::Tensor queries(const at::Tensor& x) const {
    return heads_first(x, run).narrow(1, kv_head * group, group);
  }
  at::Tensor keys(const at::Tensor& x) const { return heads_first(x, run).narrow(1, kv_head, 1); }
};

template <typename Visit>
void for_each_piece(const std::vector<std::int64_t>& offsets, std::int64_t kv_heads,
                    std::int64_t group, Visit visit) {
  constexpr std::int64_t kScores = 1 << 24;
  for (const SequenceRun& run : sequence_runs(offsets)) {
    const std::int64_t each = group * run.length * run.length;
    const std::int64_t step =
        std::clamp<std::int64_t>(kScores / std::max<std::int64_t>(each, 1), 1, run.count);
    for (std::int64_t first = 0; first < run.count; first += step) {
      const SequenceRun part{run.begin + first * run.length, std::min(step, run.count - first),
                             run.length};
      for (std::int64_t head = 0; head < kv_heads; ++head) visit(Piece{part, head, group});
    }
  }
}

struct Scores {
  at::Tensor tanh, weights;  // fp32: tanh(score / cap), and the softmax of the capped scores
};

Scores scores_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& visible, double scale,
                 double cap) {
  Scores out;
  out.tanh = at::matmul(q, k.transpose(-1, -2)).to(at::kFloat).mul_(scale / cap).tanh_();
  out.weights = (out.tanh * cap).masked_fill_(visible.logical_not(), -INFINITY).softmax(-1);
  return out;
}

struct CappedAttentionFunction : torch::autograd::Function<CappedAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale, std::int64_t window, double cap) {
    ctx->save_for_backward({q, k, v});
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["window"] = window;
    ctx->saved_data["cap"] = cap;
    at::Tensor out = at::empty_like(q);
    for_each_piece(offsets, k.size(1), q.size(1) / k.size(1), [&](const Piece& piece) {
      const std::int64_t n = piece.run.length;
      const Scores scores = scores_of(piece.queries(q), piece.keys(k),
                                      visible_tokens(n, n, window, q.device()), scale, cap);
      piece.queries(out).copy_(at::matmul(scores.weights.to(v.scalar_type()), piece.keys(v)));
    });
    return out;
  }

  // With t = tanh(score / cap) and w = softmax(cap·t): dt = cap·w·(dw − Σ dw·w), and
  // dscore = dt·(1 − t²) / cap.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const double scale = ctx->saved_data["scale"].toDouble();
    const double cap = ctx->saved_data["cap"].toDouble();
    const std::int64_t window = ctx->saved_data["window"].toInt();
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    const std::vector<std::int64_t> offsets = ctx->saved_data["offsets"].toIntVector();
    for_each_piece(offsets, k.size(1), q.size(1) / k.size(1), [&](const Piece& piece) {
      const std::int64_t n = piece.run.length;
      const at::Tensor queries = piece.queries(q), keys = piece.keys(k), dy = piece.queries(dout);
      const Scores scores =
          scores_of(queries, keys, visible_tokens(n, n, window, q.device()), scale, cap);
      const at::Tensor weights = scores.weights.to(v.scalar_type());
      piece.keys(dv).copy_(at::matmul(weights.transpose(-1, -2), dy).sum(1, /*keepdim=*/true));
      const at::Tensor dweights = at::matmul(dy, piece.keys(v).transpose(-1, -2)).to(at::kFloat);
      const at::Tensor sums = (dweights * scores.weights).sum(-1, /*keepdim=*/true);
      const at::Tensor dscores =
          ((dweights - sums) * scores.weights * (1 - scores.tanh.square()) * scale)
              .to(q.scalar_type());
      piece.queries(dq).copy_(at::matmul(dscores, keys));
      piece.keys(dk).copy_(at::matmul(dscores.transpose(-1, -2), queries).sum(1, /*keepdim=*/true));
    });
    return {dq, dk, dv, {}, {}, {}, {}};
  }
};

/// Copies (count, heads, length, dim) to the run's place in `out` (N, heads, dim).
void copy_back(const at::Tensor& x, const SequenceRun& run, at::Tensor& out) {
  heads_first(out, run).copy_(x);
}

/// 0 where a token of the run sees another, -inf elsewhere; none where the window hides nothing.
std::optional<at::Tensor> window_mask(const SequenceRun& run, std::optional<std::int64_t> window,
                                      const at::Tensor& like) {
  if (!window || run.length <= *window) return std::nullopt;
  const at::Tensor hidden =
      visible_tokens(run.length, run.length, window, like.device()).logical_not_();
  return at::zeros({run.length, run.length}, like.options()).masked_fill_(hidden, -INFINITY);
}

// Calls LibTorch's kernel below autograd: the backward pass of each run's slice would otherwise
// allocate a gradient of the whole tensor's size.
struct RunAttentionFunction : torch::autograd::Function<RunAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale, std::optional<std::int64_t> window) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    variable_list saved{q, k, v, out};
    for (const SequenceRun& run : sequence_runs(offsets)) {
      auto [y, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_first(q, run), heads_first(k, run), heads_first(v, run), /*dropout_p=*/0.0,
          /*is_causal=*/true, window_mask(run, window, q), scale);
      copy_back(y, run, out);
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
    const auto window = ctx->saved_data["window"].toOptional<std::int64_t>();
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    std::size_t next = 4;
    for (const SequenceRun& run : sequence_runs(ctx->saved_data["offsets"].toIntVector())) {
      auto [gq, gk, gv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          heads_first(dout, run), heads_first(q, run), heads_first(k, run), heads_first(v, run),
          heads_first(out, run), saved[next++], /*dropout_p=*/0.0, /*is_causal=*/true,
          window_mask(run, window, q), scale);
      copy_back(gq, run, dq);
      copy_back(gk, run, dk);
      copy_back(gv, run, dv);
    }
    return {dq, dk, dv, {}, {}, {}};
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
                           const std::vector<std::int64_t>& offsets,
                           const AttentionOptions& options) {
  if (options.softcap) {
    return CappedAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                          options.scale, options.window.value_or(offsets.back()),
                                          *options.softcap);
  }
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  if (q.is_cpu()) {
    return RunAttentionFunction::apply(q.contiguous(), keys.contiguous(), values.contiguous(),
                                       offsets, options.scale, options.window);
  }
  std::vector<at::Tensor> parts;
  for (const SequenceRun& run : sequence_runs(offsets)) {
    std::optional<at::Tensor> mask;
    if (options.window && run.length > *options.window)
      mask = visible_tokens(run.length, run.length, options.window, q.device());
    const at::Tensor y = at::scaled_dot_product_attention(
        heads_first(q, run), heads_first(keys, run), heads_first(values, run), mask,
        /*dropout_p=*/0.0, /*is_causal=*/!mask.has_value(), options.scale);
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
