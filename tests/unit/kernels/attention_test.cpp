#include "kernels/attention.h"

#include "catch.h"
#include "golden.h"
#include "kernels/attention_formula.h"

#include <cmath>
#include <optional>
#include <vector>

#include <ATen/Parallel.h>

namespace expandft {
namespace {

TEST_CASE("attention and its gradients equal the formula") {
  // Short and long sequences, of equal and different lengths, around the kernels' block sizes.
  const AttentionCase c = GENERATE(
      AttentionCase{8, 4, 8, {0, 256, 512}}, AttentionCase{6, 6, 48, {0, 1, 4, 21, 85, 149}},
      AttentionCase{4, 1, 12, {0, 64, 127, 255}}, AttentionCase{2, 2, 16, {0, 3}},
      AttentionCase{2, 1, 128, {0, 600, 1200}},
      // Windows longer than a sequence, of one token, and spanning blocks.
      AttentionCase{4, 2, 8, {0, 5, 45}, 5}, AttentionCase{4, 2, 8, {0, 20}, 1},
      AttentionCase{2, 1, 16, {0, 700, 730}, 100}, AttentionCase{2, 2, 8, {0, 30}, 30},
      AttentionCase{6, 2, 12, {0, 17, 57, 62}, {}, 1.5},
      AttentionCase{4, 1, 8, {0, 40, 80, 87}, 9, 2.0});
  check_against_formula(c, at::kFloat, causal_attention);
}

TEST_CASE("attention equals the formula in every dtype, for every size of heads and window") {
  const std::int64_t dim = GENERATE(1, 8, 24, 40, 64, 96, 128, 256);
  const auto window = GENERATE(as<std::optional<std::int64_t>>{}, std::nullopt, 1, 3, 16, 17, 400);
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  // Lengths of one token, around tiles, panels and blocks, and across several blocks.
  check_against_formula({4, 2, dim, {0, 1, 6, 53, 150, 351}, window}, dtype, causal_attention);
}

TEST_CASE("attention in bfloat16 is that of fp32, rounded once") {
  at::manual_seed(3);
  const std::vector<std::int64_t> offsets{0, 13, 130};
  const auto random = [&](std::int64_t heads) { return at::randn({130, heads, 40}); };
  const at::Tensor q = random(4).to(at::kBFloat16), k = random(1).to(at::kBFloat16);
  const at::Tensor v = random(1).to(at::kBFloat16);
  const AttentionOptions options{.scale = 0.2, .window = 50};
  const at::Tensor found = causal_attention(q, k, v, offsets, options);
  const at::Tensor wide =
      causal_attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), offsets, options);
  CHECK(at::equal(found, wide.to(at::kBFloat16)));
}

TEST_CASE("attention refuses keys of another dtype") {
  const at::Tensor q = at::zeros({4, 2, 8}, at::kBFloat16), k = at::zeros({4, 2, 8});
  CHECK_THROWS(causal_attention(q, k, q, {0, 4}, {.scale = 1.0}));
  CHECK_THROWS(causal_attention(q, q, k, {0, 4}, {.scale = 1.0}));
}

TEST_CASE("the bits of attention and its gradients do not depend on the number of threads") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  at::manual_seed(4);
  const auto random = [&](std::int64_t heads) { return at::randn({400, heads, 24}).to(dtype); };
  const at::Tensor q = random(4), k = random(1), v = random(1), dout = random(4);
  const auto results = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const auto leaf = [](const at::Tensor& x) { return x.clone().requires_grad_(true); };
    const at::Tensor a = leaf(q), b = leaf(k), c = leaf(v);
    const at::Tensor out = causal_attention(a, b, c, {0, 300, 400}, {.scale = 0.3, .window = 150});
    out.backward(dout);
    at::set_num_threads(before);
    return std::vector<at::Tensor>{out.detach(), a.grad(), b.grad(), c.grad()};
  };
  const std::vector<at::Tensor> expected = results(1);
  for (const int threads : {2, 3, 8}) {
    const std::vector<at::Tensor> found = results(threads);
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(at::equal(found[i], expected[i]));
  }
}

TEST_CASE("blocks of keys outside the window are not read") {
  // NaN times a weight of zero would show.
  at::manual_seed(5);
  const auto leaf = [](const at::Tensor& x) { return x.clone().requires_grad_(true); };
  const at::Tensor q = leaf(at::randn({400, 2, 8})), v = leaf(at::randn({400, 1, 8}));
  at::Tensor keys = at::randn({400, 1, 8});
  keys.narrow(0, 0, 10).fill_(NAN);
  const at::Tensor k = leaf(keys);
  const at::Tensor out = causal_attention(q, k, v, {0, 400}, {.scale = 0.3, .window = 20});
  out.narrow(0, 200, 200).sum().backward();
  const auto is_finite = [](const at::Tensor& x) {
    return at::isfinite(x.narrow(0, 200, 200)).all().item<bool>();
  };
  CHECK(at::isnan(out.narrow(0, 0, 10)).all().item<bool>());
  CHECK(is_finite(out));
  CHECK(is_finite(q.grad()));
  CHECK(is_finite(k.grad()));
  CHECK(is_finite(v.grad()));
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
