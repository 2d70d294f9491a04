#include "kernels/attention.h"

#include "catch.h"
#include "golden.h"

namespace expandft {
namespace {

/// Attention by the formula, for each sequence and head, in double precision.
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets,
                           const AttentionOptions& options) {
  const std::int64_t group = q.size(1) / k.size(1);
  std::vector<at::Tensor> sequences;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t begin = offsets[i], length = offsets[i + 1] - begin;
    at::Tensor hidden = at::ones({length, length}, at::kBool).triu(1);
    if (options.window) {
      hidden = hidden.logical_or(at::ones({length, length}, at::kBool).tril(-*options.window));
    }
    std::vector<at::Tensor> heads;
    for (std::int64_t h = 0; h < q.size(1); ++h) {
      const auto head = [&](const at::Tensor& x, std::int64_t index) {
        return x.narrow(0, begin, length).select(1, index);
      };
      at::Tensor scores = at::mm(head(q, h), head(k, h / group).t()) * options.scale;
      if (options.softcap) scores = *options.softcap * at::tanh(scores / *options.softcap);
      const at::Tensor weights = scores.masked_fill(hidden, -INFINITY).softmax(-1);
      heads.push_back(at::mm(weights, head(v, h / group)));
    }
    sequences.push_back(at::stack(heads, 1));
  }
  return at::cat(sequences);
}

struct AttentionCase {
  std::int64_t heads, kv_heads, dim;
  std::vector<std::int64_t> offsets;
  std::optional<std::int64_t> window = {};
  std::optional<double> softcap = {};
};

TEST_CASE("attention and its gradients equal the formula") {
  // Short and long sequences, of equal and different lengths, around the kernels' block sizes; the
  // last is too long for cpu_attention.
  const AttentionCase c = GENERATE(
      AttentionCase{8, 4, 8, {0, 256, 512}}, AttentionCase{6, 6, 48, {0, 1, 4, 21, 85, 149}},
      AttentionCase{4, 1, 12, {0, 64, 127, 255}}, AttentionCase{2, 2, 16, {0, 3}},
      AttentionCase{2, 1, 128, {0, 600, 1200}},
      // Windows longer than a sequence, of one token, and spanning blocks.
      AttentionCase{4, 2, 8, {0, 5, 45}, 5}, AttentionCase{4, 2, 8, {0, 20}, 1},
      AttentionCase{2, 1, 16, {0, 700, 730}, 100}, AttentionCase{2, 2, 8, {0, 30}, 30},
      AttentionCase{6, 2, 12, {0, 17, 57, 62}, {}, 1.5},
      AttentionCase{4, 1, 8, {0, 40, 80, 87}, 9, 2.0});
  CAPTURE(c.heads, c.kv_heads, c.dim, c.offsets, c.window.value_or(0), c.softcap.value_or(0));
  const std::int64_t n = c.offsets.back();
  at::manual_seed(1);
  const auto random = [&](std::int64_t heads) { return at::randn({n, heads, c.dim}); };
  const at::Tensor q = random(c.heads), k = random(c.kv_heads), v = random(c.kv_heads);
  const at::Tensor dout = random(c.heads);
  const AttentionOptions options{0.7 / std::sqrt(static_cast<double>(c.dim)), c.window, c.softcap};
  const auto leaf = [](const at::Tensor& x, at::ScalarType dtype) {
    return x.to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
  };
  const at::Tensor q1 = leaf(q, at::kFloat), k1 = leaf(k, at::kFloat), v1 = leaf(v, at::kFloat);
  const at::Tensor q2 = leaf(q, at::kDouble), k2 = leaf(k, at::kDouble), v2 = leaf(v, at::kDouble);
  const at::Tensor found = causal_attention(q1, k1, v1, c.offsets, options);
  const at::Tensor expected = plain_attention(q2, k2, v2, c.offsets, options);
  CHECK(worst_difference(found.detach(), expected.detach()) < 5e-6);
  found.backward(dout);
  expected.backward(dout.to(at::kDouble));
  CHECK(worst_difference(q1.grad(), q2.grad()) < 2e-5);
  CHECK(worst_difference(k1.grad(), k2.grad()) < 2e-5);
  CHECK(worst_difference(v1.grad(), v2.grad()) < 2e-5);
}

TEST_CASE("attention of the newest tokens equals that of the whole sequence") {
  const auto window = GENERATE(std::optional<std::int64_t>{}, std::optional<std::int64_t>{7},
                               std::optional<std::int64_t>{1});
  const auto softcap = GENERATE(std::optional<double>{}, std::optional<double>{1.5});
  const std::int64_t newest = GENERATE(1, 5, 30);
  CAPTURE(window.value_or(0), softcap.value_or(0), newest);
  at::manual_seed(2);
  const at::Tensor q = at::randn({30, 4, 8}), k = at::randn({30, 2, 8}), v = at::randn({30, 2, 8});
  const AttentionOptions options{0.4, window, softcap};
  const at::Tensor whole = causal_attention(q, k, v, {0, 30}, options);
  const at::Tensor found = cached_attention(q.narrow(0, 30 - newest, newest), k, v, options);
  CHECK(worst_difference(found, whole.narrow(0, 30 - newest, newest)) < 1e-5);
}

TEST_CASE("large scores do not overflow the softmax") {
  const at::Tensor q = at::full({40, 2, 8}, 30.0F),
                   v = at::arange(640, at::kFloat).view({40, 2, 8});
  const at::Tensor out = causal_attention(q, q, v, {0, 40}, {.scale = 1.0});
  CHECK(at::isfinite(out).all().item<bool>());
  CHECK(worst_difference(out[39], v.mean(0)) < 1e-3);  // equal keys give the mean of the values
}

}  // namespace
}  // namespace expandft
