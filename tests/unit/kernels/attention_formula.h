#pragma once

#include "catch.h"
#include "golden.h"
#include "kernels/attention.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Attention by the formula, for each sequence and head, in double precision.
inline at::Tensor attention_by_formula(const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v,
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

/// What the largest error of a result and of a gradient may be: bf16 and fp16 round the results,
/// of up to about 4, and the sums Σ out·dout in the gradients of the scores.
struct Tolerance {
  double result, gradient;
};
inline Tolerance tolerance_of(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return {0.02, 0.08};
  if (dtype == at::kHalf) return {0.003, 0.015};
  return {5e-6, 2e-5};
}

/// Compares results and gradients of causal_attention, or of a kernel called in its place.
template <typename Attention>
void check_against_formula(const AttentionCase& c, at::ScalarType dtype, Attention attention,
                           at::Device device = at::kCPU) {
  CAPTURE(c.heads, c.kv_heads, c.dim, c.offsets, c.window.value_or(0), c.softcap.value_or(0),
          at::toString(dtype));
  const std::int64_t n = c.offsets.back();
  at::manual_seed(1);
  const auto random = [&](std::int64_t heads) { return at::randn({n, heads, c.dim}).to(dtype); };
  const at::Tensor q = random(c.heads), k = random(c.kv_heads), v = random(c.kv_heads);
  const at::Tensor dout = random(c.heads);
  const AttentionOptions options{0.7 / std::sqrt(static_cast<double>(c.dim)), c.window, c.softcap};
  const auto leaf = [](const at::Tensor& x, at::Device place, at::ScalarType type) {
    return x.to(place, type, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
  };
  const at::Tensor q1 = leaf(q, device, dtype), k1 = leaf(k, device, dtype);
  const at::Tensor v1 = leaf(v, device, dtype);
  const at::Tensor q2 = leaf(q, at::kCPU, at::kDouble), k2 = leaf(k, at::kCPU, at::kDouble);
  const at::Tensor v2 = leaf(v, at::kCPU, at::kDouble);
  const at::Tensor found = attention(q1, k1, v1, c.offsets, options);
  const at::Tensor expected = attention_by_formula(q2, k2, v2, c.offsets, options);
  const Tolerance tolerance = tolerance_of(dtype);
  CHECK(found.scalar_type() == dtype);
  CHECK(worst_difference(found.detach().cpu(), expected.detach()) < tolerance.result);
  found.backward(dout.to(device));
  expected.backward(dout.to(at::kDouble));
  CHECK(worst_difference(q1.grad().cpu(), q2.grad()) < tolerance.gradient);
  CHECK(worst_difference(k1.grad().cpu(), k2.grad()) < tolerance.gradient);
  CHECK(worst_difference(v1.grad().cpu(), v2.grad()) < tolerance.gradient);
}

}  // namespace expandft
