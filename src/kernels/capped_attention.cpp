#include "kernels/capped_attention.h"

#include "kernels/sequence_runs.h"

#include <algorithm>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Sequences and heads computed at once: (sequences, heads of the group, length, dim).
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

}  // namespace

at::Tensor capped_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& options) {
  const std::int64_t window = options.window.value_or(offsets.back());
  return CappedAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                        options.scale, window, options.softcap.value());
}

}  // namespace expandft
