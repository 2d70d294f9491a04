#include "model/attention.h"

#include "catch.h"
#include "golden.h"

namespace expandft {
namespace {

/// Attention written out, sequence by sequence and head by head, in double precision.
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale) {
  const std::int64_t group = q.size(1) / k.size(1);
  std::vector<at::Tensor> sequences;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t begin = offsets[i], length = offsets[i + 1] - begin;
    const at::Tensor future = at::ones({length, length}, at::kBool).triu(1);
    std::vector<at::Tensor> heads;
    for (std::int64_t h = 0; h < q.size(1); ++h) {
      const auto head = [&](const at::Tensor& x, std::int64_t index) {
        return x.narrow(0, begin, length).select(1, index);
      };
      const at::Tensor scores = at::mm(head(q, h), head(k, h / group).t()) * scale;
      const at::Tensor weights = scores.masked_fill(future, -INFINITY).softmax(-1);
      heads.push_back(at::mm(weights, head(v, h / group)));
    }
    sequences.push_back(at::stack(heads, 1));
  }
  return at::cat(sequences);
}

struct Case {
  std::int64_t heads, kv_heads, dim;
  std::vector<std::int64_t> offsets;
};

TEST_CASE("attention and its gradients equal the formula's") {
  // Short and long ones, equal and unequal, lengths around the kernels' blocks; the last is too
  // long for our own kernel.
  const Case c = GENERATE(Case{8, 4, 8, {0, 256, 512}}, Case{6, 6, 48, {0, 1, 4, 21, 85, 149}},
                          Case{4, 1, 12, {0, 64, 127, 255}}, Case{2, 2, 16, {0, 3}},
                          Case{2, 1, 128, {0, 600, 1200}});
  CAPTURE(c.heads, c.kv_heads, c.dim, c.offsets);
  const std::int64_t n = c.offsets.back();
  at::manual_seed(1);
  const auto random = [&](std::int64_t heads) { return at::randn({n, heads, c.dim}); };
  const at::Tensor q = random(c.heads), k = random(c.kv_heads), v = random(c.kv_heads);
  const at::Tensor dout = random(c.heads);
  const double scale = 0.7 / std::sqrt(static_cast<double>(c.dim));
  const auto leaf = [](const at::Tensor& x, at::ScalarType dtype) {
    return x.to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
  };
  const at::Tensor q1 = leaf(q, at::kFloat), k1 = leaf(k, at::kFloat), v1 = leaf(v, at::kFloat);
  const at::Tensor q2 = leaf(q, at::kDouble), k2 = leaf(k, at::kDouble), v2 = leaf(v, at::kDouble);
  const at::Tensor found = causal_attention(q1, k1, v1, c.offsets, scale);
  const at::Tensor expected = plain_attention(q2, k2, v2, c.offsets, scale);
  CHECK(worst_difference(found.detach(), expected.detach()) < 5e-6);
  found.backward(dout);
  expected.backward(dout.to(at::kDouble));
  CHECK(worst_difference(q1.grad(), q2.grad()) < 2e-5);
  CHECK(worst_difference(k1.grad(), k2.grad()) < 2e-5);
  CHECK(worst_difference(v1.grad(), v2.grad()) < 2e-5);
}

TEST_CASE("large scores do not overflow the softmax") {
  const at::Tensor q = at::full({40, 2, 8}, 30.0F),
                   v = at::arange(640, at::kFloat).view({40, 2, 8});
  const at::Tensor out = causal_attention(q, q, v, {0, 40}, 1.0);
  CHECK(at::isfinite(out).all().item<bool>());
  CHECK(worst_difference(out[39], v.mean(0)) < 1e-3);  // all keys alike: the mean of the values
}

}  // namespace
}  // namespace expandft
