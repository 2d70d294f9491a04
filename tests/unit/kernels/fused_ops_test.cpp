#include "kernels/fused_ops.h"

#include "catch.h"
#include "kernels/plain_ops.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

double worst(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Widths below, at and between multiples of the vector length.
const auto kWidths = {std::int64_t{1}, std::int64_t{7}, std::int64_t{16}, std::int64_t{172},
                      std::int64_t{768}};

TEST_CASE("the fused norm equals plain ATen, forwards and backwards") {
  const std::int64_t width = GENERATE(values(kWidths));
  const NormRule rule =
      GENERATE(NormRule::kRoundThenScale, NormRule::kScaleByOnePlus, NormRule::kScaleThenRound);
  const auto number = static_cast<std::int64_t>(rule);
  CAPTURE(width, number);
  at::manual_seed(1);
  const at::Tensor x = at::randn({9, 3, width}), w = at::randn({width}), dy = at::randn_like(x);
  const auto [y, rstd] = rms_norm_forward(x, w, 1e-6, rule);
  const auto [plain_y, plain_rstd] = plain::rms_norm_forward(x, w, 1e-6, number);
  CHECK(worst(y, plain_y) < 2e-6);
  CHECK(worst(rstd / plain_rstd, at::ones_like(rstd)) < 1e-6);
  const at::Tensor dx = rms_norm_backward(dy, x, w, rstd, rule);
  const at::Tensor plain_dx = plain::rms_norm_backward(dy, x, w, rstd, number);
  CHECK(worst(dx, plain_dx) < 1e-5 * plain_dx.abs().max().item<double>() + 2e-6);
}

TEST_CASE("the fused rotation equals plain ATen, and rotating back undoes it") {
  const std::int64_t half = GENERATE(1, 4, 24, 32), rest = GENERATE(0, 5);
  CAPTURE(half, rest);
  at::manual_seed(2);
  const at::Tensor angles = at::randn({11, half}), cos = angles.cos(), sin = angles.sin();
  const at::Tensor x = at::randn({11, 3, 2 * half + rest});
  const at::Tensor turned = rotate(x, cos, sin, false);
  CHECK(worst(turned, plain::rotate(x, cos, sin, false)) < 1e-6);
  CHECK(worst(rotate(turned, cos, sin, true), x) < 2e-6);
}

TEST_CASE("the fused gated activation equals plain ATen, forwards and backwards") {
  const std::int64_t width = GENERATE(values(kWidths));
  const auto activation = GENERATE(Activation::kSilu, Activation::kGeluTanh, Activation::kGelu);
  const auto number = static_cast<std::int64_t>(activation);
  CAPTURE(width, number);
  at::manual_seed(3);
  // Rows with a stride, and values of large magnitude.
  const at::Tensor both = at::randn({13, 2 * width}) * 20;
  const at::Tensor gate = both.narrow(1, 0, width), up = both.narrow(1, width, width);
  const at::Tensor grad = at::randn({13, width});
  const double scale = both.abs().max().item<double>();
  CHECK(worst(gated_activation(gate, up, activation), plain::gated_activation(gate, up, number)) <
        1e-6 * scale * scale);
  const GatedActivationGrads grads = gated_activation_backward(grad, gate, up, activation, true);
  const auto [value, dgate, dup] = plain::gated_activation_backward(grad, gate, up, number, true);
  CHECK(worst(grads.value, value) < 1e-6 * scale * scale);
  CHECK(worst(grads.gate, dgate) < 1e-5 * scale);
  CHECK(worst(grads.up, dup) < 1e-5 * scale);
  CHECK_FALSE(gated_activation_backward(grad, gate, up, activation, false).value.defined());
}

TEST_CASE("the fused losses and their gradients equal plain ATen") {
  const std::int64_t width = GENERATE(2, 31, 64, 4099);
  const auto softcap = GENERATE(std::optional<double>(), std::optional<double>(30.0));
  CAPTURE(width, softcap.value_or(0));
  at::manual_seed(4);
  at::Tensor logits = (at::randn({7, width}) * 10).clamp_(-29, 29);
  const at::Tensor reference = (at::randn({7, width}) * 10).clamp_(-29, 29);
  const at::Tensor targets = at::randint(width, {7}, at::kLong);
  const at::Tensor before = logits.clone();

  SECTION("cross-entropy") {
    at::Tensor other = logits.clone();
    const at::Tensor expected = plain::cross_entropy(other, targets, softcap, true);
    CHECK(worst(cross_entropy(logits, targets, softcap, false), expected) < 1e-5);
    CHECK(logits.equal(before));
    CHECK(worst(cross_entropy(logits, targets, softcap, true), expected) < 1e-5);
    CHECK(worst(logits, other) < 1e-6);
  }
  SECTION("weighted cross-entropy") {
    const at::Tensor given = at::rand({logits.size(0)});
    for (const auto& weights : {std::optional<at::Tensor>(), std::optional<at::Tensor>(given)}) {
      at::Tensor one = before.clone(), other = before.clone();
      const WeightedLosses found = weighted_cross_entropy(one, targets, weights, softcap);
      const auto [losses, used] = plain::weighted_cross_entropy(other, targets, weights, softcap);
      CHECK(worst(found.losses, losses) < 1e-5);
      CHECK(worst(found.weights, used) < 1e-6);
      CHECK(worst(one, other) < 1e-6);
    }
  }
  SECTION("entropy of the likeliest") {
    for (const std::int64_t count : {1, 2, 20}) {
      CAPTURE(count);
      CHECK(worst(top_entropy(logits, count), plain::top_entropy(logits, count)) < 1e-5);
    }
    CHECK(logits.equal(before));
  }
  SECTION("divergence") {
    at::Tensor other = logits.clone();
    const at::Tensor expected = plain::kl_divergence(other, reference, softcap, true);
    CHECK(worst(kl_divergence(logits, reference, softcap, false), expected) < 3e-5);
    CHECK(logits.equal(before));
    CHECK(worst(kl_divergence(logits, reference, softcap, true), expected) < 3e-5);
    CHECK(worst(logits, other) < 1e-6);
  }
  SECTION("for equal rows the divergence and its gradient are 0") {
    CHECK(kl_divergence(logits, before, softcap, true).abs().max().item<double>() < 1e-6);
    CHECK(logits.abs().max().item<double>() == 0);
  }
}

TEST_CASE("in a large vocabulary no small terms are lost next to a large one") {
  constexpr std::int64_t kVocabulary = 262144;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  at::Tensor logits = at::full({1, kVocabulary}, -17.0).to(dtype);
  logits.narrow(1, 5, 1).zero_();
  const at::Tensor reference = at::zeros_like(logits), targets = at::full({1}, 5, at::kLong);
  const double rest = (kVocabulary - 1) * std::exp(-17.0), total = std::log1p(rest);
  const at::Tensor loss = cross_entropy(logits, targets, {}, false);
  CHECK(loss.item<double>() == Approx(total).epsilon(1e-4));  // one rounding of the logarithm
  const double expected = total - std::log(kVocabulary) + 17.0 * (kVocabulary - 1) / kVocabulary;
  const at::Tensor divergence = kl_divergence(logits, reference, {}, false);
  CHECK(divergence.item<double>() == Approx(expected).epsilon(2e-6));
}

TEST_CASE("fused losses of non-finite logits are non-finite") {
  const float bad =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity());
  const std::int64_t place = GENERATE(0, 17, 36);
  at::Tensor logits = at::zeros({1, 37});
  logits.index_put_({at::zeros({1}, at::kLong), at::full({1}, place, at::kLong)},
                    at::full({1}, bad));
  const at::Tensor targets = at::full({1}, 5, at::kLong), reference = at::zeros({1, 37});
  CHECK_FALSE(std::isfinite(cross_entropy(logits, targets, {}, false).item<double>()));
  CHECK_FALSE(std::isfinite(kl_divergence(logits, reference, {}, false).item<double>()));
}

TEST_CASE("the result of a row does not depend on the other rows") {
  at::manual_seed(5);
  const at::Tensor x = at::randn({300, 172}), w = at::randn({172});
  const at::Tensor all = rms_norm_forward(x, w, 1e-6, NormRule::kRoundThenScale).first;
  const at::Tensor gated = gated_activation(x, x, Activation::kSilu);
  for (const std::int64_t row : {0, 1, 150, 299}) {
    CHECK(rms_norm_forward(x.narrow(0, row, 1), w, 1e-6, NormRule::kRoundThenScale)
              .first.equal(all.narrow(0, row, 1)));
    const at::Tensor one = x.narrow(0, row, 1);
    CHECK(gated_activation(one, one, Activation::kSilu).equal(gated.narrow(0, row, 1)));
  }
}

}  // namespace
}  // namespace expandft
