#include "kernels/chunked_attention.h"

#include "kernels/plain_attention.h"

#include <algorithm>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Scores computed at once: on a GPU, enough for its work to outweigh the launches.
std::int64_t most_scores(const at::Tensor& q) {
  return q.is_cuda() ? 1 << 24 : 1 << 20;
}

/// Key heads of sequences of one length, each with the query heads that it serves, whose products
/// are one batch of matrix products.
struct Piece {
  SequenceRun run;
  std::int64_t first_head, heads;  // key heads
  std::int64_t group;              // query heads of each

  std::int64_t batch() const { return run.count * heads; }
  /// x (N, kv_heads, dim) -> (count, heads, length, dim), a view.
  at::Tensor keys(const at::Tensor& x) const {
    return heads_first(x, run).narrow(1, first_head, heads);
  }
  /// x (N, heads, dim) -> (count, heads of the piece · group, rows, dim), a view: tokens [begin,
  /// end) of each sequence.
  at::Tensor queries(const at::Tensor& x, std::int64_t begin, std::int64_t end) const {
    return heads_first(x, run)
        .narrow(1, first_head * group, heads * group)
        .narrow(2, begin, end - begin);
  }
};

/// Tokens [begin, end) of a piece's sequences, and the first key that any of them sees.
struct Chunk {
  std::int64_t begin, end, first_key;
};

std::vector<Piece> pieces_of(const std::vector<std::int64_t>& offsets, const at::Tensor& q,
                             std::int64_t kv_heads) {
  const std::int64_t most = most_scores(q), group = q.size(1) / kv_heads;
  std::vector<Piece> pieces;
  for (const SequenceRun& run : sequence_runs(offsets)) {
    const std::int64_t each = std::max<std::int64_t>(group * run.length * run.length, 1);
    const std::int64_t heads = std::clamp<std::int64_t>(most / each, 1, kv_heads);
    const std::int64_t count =
        heads < kv_heads ? 1 : std::clamp<std::int64_t>(most / (each * heads), 1, run.count);
    for (std::int64_t i = 0; i < run.count; i += count) {
      const SequenceRun part{run.begin + i * run.length, std::min(count, run.count - i),
                             run.length};
      for (std::int64_t head = 0; head < kv_heads; head += heads) {
        pieces.push_back({part, head, std::min(heads, kv_heads - head), group});
      }
    }
  }
  return pieces;
}

std::vector<Chunk> chunks_of(const Piece& piece, std::int64_t window, std::int64_t most) {
  const std::int64_t length = piece.run.length;
  const std::int64_t keys = std::min(length, window);
  const std::int64_t rows = std::clamp<std::int64_t>(
      most / std::max<std::int64_t>(piece.batch() * piece.group * keys, 1), 1, length);
  std::vector<Chunk> chunks;
  for (std::int64_t begin = 0; begin < length; begin += rows) {
    chunks.push_back(
        {begin, std::min(begin + rows, length), std::max<std::int64_t>(begin - window + 1, 0)});
  }
  return chunks;
}

/// Batches of matrix products whose factors are in 16 bits on a GPU, which multiplies them exactly
/// and adds up in fp32; elsewhere the factors are fp32.
class Products {
 public:
  explicit Products(const at::Tensor& like)
      : dtype_(like.is_cuda() && like.element_size() == 2 ? like.scalar_type() : at::kFloat) {}

  /// In the factors' dtype, contiguous: (…, rows, dim) -> (batch, all rows, dim).
  at::Tensor factor(const at::Tensor& x, std::int64_t batch) const {
    return x.to(dtype_).reshape({batch, -1, x.size(-1)});
  }
  /// a·b in fp32; a is rounded to the factors' dtype.
  at::Tensor operator()(const at::Tensor& a, const at::Tensor& b) const {
    if (dtype_ == at::kFloat) return at::bmm(a, b);
    return at::bmm(a.to(dtype_), b, at::kFloat);
  }

 private:
  at::ScalarType dtype_;
};

struct Scores {
  at::Tensor capped;   // of the chunk, (batch, group · rows, keys), fp32; before the mask
  at::Tensor weights;  // their softmax over the keys that each token sees
};

struct ScoreRule {
  double scale = 1, cap = 0;  // 0: none
  std::int64_t window = 0;
};

/// queries (batch, group · rows, dim), keys (batch, keys of the chunk, dim).
Scores scores_of(const Products& product, const at::Tensor& queries, const at::Tensor& keys,
                 const Chunk& chunk, const ScoreRule& rule) {
  Scores out;
  out.capped = product(queries, keys.transpose(1, 2)).mul_(rule.scale);
  if (rule.cap > 0) out.capped.div_(rule.cap).tanh_().mul_(rule.cap);
  const std::int64_t rows = chunk.end - chunk.begin, width = keys.size(1);
  const at::Tensor hidden =
      visible_tokens(rows, width, rule.window, queries.device()).logical_not_();
  // The mask is that of one head: each key head's rows are group times the chunk's.
  out.weights = (rule.cap > 0 ? out.capped.clone() : out.capped)
                    .view({-1, rows, width})
                    .masked_fill_(hidden, -INFINITY)
                    .softmax(-1)
                    .view(out.capped.sizes());
  return out;
}

struct ChunkedAttentionFunction : torch::autograd::Function<ChunkedAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale, double cap, std::int64_t window) {
    ctx->save_for_backward({q, k, v});
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["cap"] = cap;
    ctx->saved_data["window"] = window;
    const ScoreRule rule{scale, cap, window};
    const Products product(q);
    at::Tensor out = at::empty_like(q);
    for (const Piece& piece : pieces_of(offsets, q, k.size(1))) {
      const std::int64_t batch = piece.batch();
      const at::Tensor keys = product.factor(piece.keys(k), batch);
      const at::Tensor values = product.factor(piece.keys(v), batch);
      for (const Chunk& chunk : chunks_of(piece, window, most_scores(q))) {
        const auto seen = [&](const at::Tensor& x) {
          return x.narrow(1, chunk.first_key, chunk.end - chunk.first_key);
        };
        at::Tensor place = piece.queries(out, chunk.begin, chunk.end);
        const Scores scores =
            scores_of(product, product.factor(piece.queries(q, chunk.begin, chunk.end), batch),
                      seen(keys), chunk, rule);
        place.copy_(product(scores.weights, seen(values)).view(place.sizes()));
      }
    }
    return out;
  }

  // With w = softmax(s) and s = cap·tanh(score / cap): ds = w·(dw − Σ dw·w), and
  // dscore = ds·(1 − (s / cap)²).
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const ScoreRule rule{ctx->saved_data["scale"].toDouble(), ctx->saved_data["cap"].toDouble(),
                         ctx->saved_data["window"].toInt()};
    const Products product(q);
    const at::Tensor dout = grads[0].contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    const std::vector<std::int64_t> offsets = ctx->saved_data["offsets"].toIntVector();
    for (const Piece& piece : pieces_of(offsets, q, k.size(1))) {
      const std::int64_t batch = piece.batch();
      const at::Tensor keys = product.factor(piece.keys(k), batch);
      const at::Tensor values = product.factor(piece.keys(v), batch);
      at::Tensor key_sums = at::zeros(keys.sizes(), keys.options().dtype(at::kFloat));
      at::Tensor value_sums = at::zeros_like(key_sums);
      for (const Chunk& chunk : chunks_of(piece, rule.window, most_scores(q))) {
        const auto seen = [&](const at::Tensor& x) {
          return x.narrow(1, chunk.first_key, chunk.end - chunk.first_key);
        };
        const auto rows = [&](const at::Tensor& x) {
          return product.factor(piece.queries(x, chunk.begin, chunk.end), batch);
        };
        const at::Tensor queries = rows(q), dy = rows(dout);
        const Scores scores = scores_of(product, queries, seen(keys), chunk, rule);
        seen(value_sums).add_(product(scores.weights.transpose(1, 2), dy));
        at::Tensor ds = product(dy, seen(values).transpose(1, 2));
        ds.sub_((ds * scores.weights).sum(-1, /*keepdim=*/true)).mul_(scores.weights);
        if (rule.cap > 0) ds.mul_(1 - (scores.capped / rule.cap).square_());
        ds.mul_(rule.scale);
        at::Tensor place = piece.queries(dq, chunk.begin, chunk.end);
        place.copy_(product(ds, seen(keys)).view(place.sizes()));
        seen(key_sums).add_(product(ds.transpose(1, 2), queries));
      }
      at::Tensor key_place = piece.keys(dk), value_place = piece.keys(dv);
      key_place.copy_(key_sums.view(key_place.sizes()));
      value_place.copy_(value_sums.view(value_place.sizes()));
    }
    return {dq, dk, dv, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor chunked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const std::vector<std::int64_t>& offsets,
                             const AttentionOptions& options) {
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(),
              "queries, keys and values must have the same dtype");
  return ChunkedAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets,
                                         options.scale, options.softcap.value_or(0),
                                         options.window.value_or(offsets.back()));
}

}  // namespace expandft
