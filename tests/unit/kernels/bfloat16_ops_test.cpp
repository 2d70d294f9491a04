#include "catch.h"
#include "kernels/fused_ops.h"
#include "kernels/plain_ops.h"
#include "kernels/simd/elementwise_kernels.h"
#include "kernels/simd/loss_kernels.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

// The operators on bfloat16 compute in fp32 and round the result once. So they are compared with
// the plain path in fp32 on the same numbers, within half a unit of bfloat16's last place.
constexpr double kRounding = 1.0 / 256;  // relative, of a number rounded to the nearest bfloat16

/// Numbers as bfloat16 holds them, in fp32.
at::Tensor as_stored(const at::Tensor& x) {
  return x.to(at::kBFloat16).to(at::kFloat);
}
at::Tensor to_bf16(const at::Tensor& x) {
  return x.to(at::kBFloat16);
}

/// The largest error of a bfloat16 tensor, in units of `roundings` roundings of the exact result,
/// leaving `slack` to the fp32 arithmetic.
double roundings_off(const at::Tensor& found, const at::Tensor& exact, double slack = 1e-6) {
  REQUIRE(found.scalar_type() == at::kBFloat16);
  REQUIRE(found.sizes() == exact.sizes());
  const at::Tensor wide = exact.to(at::kDouble);
  const at::Tensor error = (found.to(at::kDouble) - wide).abs();
  return (error / (wide.abs() * kRounding + slack)).max().item<double>();
}

// Widths below, at and between multiples of the vector length.
const auto kOddWidths = {std::int64_t{1},   std::int64_t{7},  std::int64_t{8},  std::int64_t{15},
                         std::int64_t{16},  std::int64_t{17}, std::int64_t{31}, std::int64_t{33},
                         std::int64_t{100}, std::int64_t{257}};

TEST_CASE("the norm in bfloat16 rounds where the plain path rounds") {
  const std::int64_t width = GENERATE(values(kOddWidths));
  const NormRule rule =
      GENERATE(NormRule::kRoundThenScale, NormRule::kScaleByOnePlus, NormRule::kScaleThenRound);
  const auto number = static_cast<std::int64_t>(rule);
  const double scale = GENERATE(1e-3, 1.0, 1e4);
  CAPTURE(width, number, scale);
  at::manual_seed(1);
  const at::Tensor x = as_stored(at::randn({9, 3, width}) * scale), w = as_stored(at::randn(width));
  const at::Tensor dy = as_stored(at::randn_like(x));
  const auto [y, rstd] = rms_norm_forward(to_bf16(x), to_bf16(w), 1e-6, rule);
  const auto [exact, exact_rstd] = plain::rms_norm_forward(x, w, 1e-6, number);
  CHECK(rstd.scalar_type() == at::kFloat);
  CHECK((rstd / exact_rstd - 1).abs().max().item<double>() < 1e-6);
  CHECK(roundings_off(y, exact) <
        (rule == NormRule::kRoundThenScale ? 2.01 : 1.01));  // Llama's is rounded twice
  // The plain path in bfloat16 differs only where fp32 arithmetic moves a number over a boundary.
  const auto [plain_y, plain_rstd] = plain::rms_norm_forward(to_bf16(x), to_bf16(w), 1e-6, number);
  CHECK((y == plain_y).to(at::kFloat).mean().item<double>() > 0.99);
  const at::Tensor dx = rms_norm_backward(to_bf16(dy), to_bf16(x), to_bf16(w), rstd, rule);
  const at::Tensor exact_dx = plain::rms_norm_backward(dy, x, w, rstd, number);
  // Where the two terms of the gradient cancel, their rounding in fp32 remains.
  CHECK(roundings_off(dx, exact_dx, 1e-3 * exact_rstd.max().item<double>()) < 1.01);
}

TEST_CASE("the rotation in bfloat16 rounds once, of strided heads too") {
  const std::int64_t half = GENERATE(1, 4, 7, 8, 15, 17, 32), rest = GENERATE(0, 5);
  const bool back = GENERATE(false, true);
  CAPTURE(half, rest, back);
  at::manual_seed(2);
  const at::Tensor angles = at::randn({11, half});
  const at::Tensor cos = as_stored(angles.cos()), sin = as_stored(angles.sin());
  const std::int64_t width = 3 * (2 * half + rest);
  const at::Tensor x = as_stored(at::randn({11, width + 4}));
  const auto heads = [&](const at::Tensor& all) {
    return all.narrow(1, 0, width).view({11, 3, 2 * half + rest});
  };
  const at::Tensor turned = rotate(heads(to_bf16(x)), to_bf16(cos), to_bf16(sin), back);
  CHECK(roundings_off(turned, plain::rotate(heads(x), cos, sin, back)) < 1.01);
}

TEST_CASE("the gated activation in bfloat16 rounds once") {
  const std::int64_t width = GENERATE(values(kOddWidths));
  const auto activation = GENERATE(Activation::kSilu, Activation::kGeluTanh);
  const double scale = GENERATE(0.01, 20.0);
  const auto number = static_cast<std::int64_t>(activation);
  CAPTURE(width, number, scale);
  at::manual_seed(3);
  const at::Tensor both = as_stored(at::randn({13, 2 * width}) * scale);  // rows with a stride
  const at::Tensor grad = as_stored(at::randn({13, width}));
  const auto gate = [&](const at::Tensor& all) { return all.narrow(1, 0, width); };
  const auto up = [&](const at::Tensor& all) { return all.narrow(1, width, width); };
  const at::Tensor small = to_bf16(both);
  const double slack = 1e-6 * scale * scale;
  CHECK(roundings_off(gated_activation(gate(small), up(small), activation),
                      plain::gated_activation(gate(both), up(both), number), slack) < 1.01);
  const GatedActivationGrads grads =
      gated_activation_backward(to_bf16(grad), gate(small), up(small), activation, true);
  const auto [value, dgate, dup] =
      plain::gated_activation_backward(grad, gate(both), up(both), number, true);
  CHECK(roundings_off(grads.value, value, slack) < 1.01);
  CHECK(roundings_off(grads.gate, dgate, 2e-5 * scale) < 1.01);
  CHECK(roundings_off(grads.up, dup, 2e-5 * scale) < 1.01);
  CHECK_FALSE(gated_activation_backward(to_bf16(grad), gate(small), up(small), activation, false)
                  .value.defined());
}

TEST_CASE(
    "losses of bfloat16 logits are those of the same numbers in fp32, gradients rounded once") {
  const std::int64_t width = GENERATE(values(kOddWidths));
  const auto softcap = GENERATE(std::optional<double>(), std::optional<double>(30.0));
  const double scale = GENERATE(1e-3, 10.0);
  CAPTURE(width, softcap.value_or(0), scale);
  at::manual_seed(4);
  const at::Tensor logits = as_stored((at::randn({7, width}) * scale).clamp_(-29, 29));
  const at::Tensor reference = as_stored((at::randn({7, width}) * scale).clamp_(-29, 29));
  const at::Tensor targets = at::randint(width, {7}, at::kLong);
  const auto worst = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>();
  };

  SECTION("cross-entropy") {
    at::Tensor small = to_bf16(logits), wide = logits.clone();
    const at::Tensor losses = cross_entropy(small, targets, softcap, false);
    CHECK(losses.scalar_type() == at::kFloat);
    CHECK(small.to(at::kFloat).equal(logits));
    const at::Tensor exact = plain::cross_entropy(wide, targets, softcap, true);
    CHECK(worst(losses, exact) < 1e-5);
    CHECK(worst(cross_entropy(small, targets, softcap, true), exact) < 1e-5);
    CHECK(roundings_off(small, wide, 1e-7) < 1.01);
  }
  SECTION("divergence") {
    at::Tensor small = to_bf16(logits), wide = logits.clone();
    const at::Tensor base = to_bf16(reference);
    const at::Tensor divergences = kl_divergence(small, base, softcap, false);
    CHECK(small.to(at::kFloat).equal(logits));
    const at::Tensor exact = plain::kl_divergence(wide, reference, softcap, true);
    CHECK(worst(divergences, exact) < 3e-5);
    CHECK(worst(kl_divergence(small, base, softcap, true), exact) < 3e-5);
    CHECK(roundings_off(small, wide, 1e-6) < 1.01);
  }
  SECTION("for equal rows the divergence and its gradient are 0") {
    at::Tensor small = to_bf16(logits);
    const at::Tensor same = small.clone();
    CHECK(kl_divergence(small, same, softcap, true).abs().max().item<double>() < 1e-6);
    CHECK(small.abs().max().item<double>() == 0);
  }
}

TEST_CASE("a row's largest logit and its softmax's sum, in every dtype") {
  const std::int64_t width = GENERATE(values(kOddWidths));
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const double scale = GENERATE(1e-3, 10.0, 1e4);
  const double shift = GENERATE(0.0, -1e4);
  CAPTURE(width, dtype, scale, shift);
  at::manual_seed(6);
  const at::Tensor logits = ((at::randn({9, width}) * scale).clamp_(-3e4, 3e4) + shift).to(dtype);
  const at::Tensor wide = logits.to(at::kDouble), largest = wide.amax(-1);
  at::Tensor given = logits.clone();
  const SoftmaxOfRows found = softmax_sums(given);
  CHECK(found.largest.to(at::kDouble).equal(largest));
  const at::Tensor exact = (wide - largest.unsqueeze(1)).exp().sum(-1).log();
  CHECK((found.log_sum - exact).abs().max().item<double>() < 1e-6);
}

TEST_CASE("at a vocabulary of 262144 losses and gradients are those computed in double") {
  constexpr std::int64_t kVocabulary = 262144, kRows = 3;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  // In ascending order the largest logit so far changes with every vector.
  const bool is_sorted = GENERATE(false, true);
  const double scale = GENERATE(0.01, 3.0, 60.0);
  CAPTURE(dtype, is_sorted, scale);
  at::manual_seed(7);
  const auto made = [&] {
    const at::Tensor x = at::randn({kRows, kVocabulary}) * scale;
    return (is_sorted ? std::get<0>(x.sort(1)) : x).to(dtype);
  };
  const at::Tensor logits = made(), reference = made();
  const at::Tensor targets = at::tensor({std::int64_t{0}, std::int64_t{131072}, kVocabulary - 1});
  const at::Tensor log_q = logits.to(at::kDouble).log_softmax(-1);
  const at::Tensor log_p = reference.to(at::kDouble).log_softmax(-1);
  const at::Tensor q = log_q.exp(), p = log_p.exp();
  const double relative = dtype == at::kFloat ? 2e-6 : kRounding * 1.01;
  const auto is_near = [&](const at::Tensor& found, const at::Tensor& exact, double absolute) {
    return ((found.to(at::kDouble) - exact).abs() <= exact.abs() * relative + absolute)
        .all()
        .item<bool>();
  };

  SECTION("cross-entropy") {
    at::Tensor given = logits.clone();
    const at::Tensor exact = -log_q.gather(1, targets.unsqueeze(1)).squeeze(1);
    const at::Tensor losses = cross_entropy(given, targets, {}, true);
    CHECK(((losses - exact).abs() <= exact * 1e-6 + 2e-7).all().item<bool>());
    const at::Tensor onehot = at::one_hot(targets, kVocabulary);
    CHECK(is_near(given, q - onehot, 1e-7));
  }
  SECTION("divergence") {
    at::Tensor given = logits.clone();
    const at::Tensor exact = (p * (log_p - log_q)).sum(-1);
    const at::Tensor divergences = kl_divergence(given, reference, {}, true);
    CHECK(((divergences - exact).abs() <= exact * 1e-5 + 1e-6).all().item<bool>());
    CHECK(is_near(given, q - p, 1e-5 * (p + q).max().item<double>()));
  }
}

TEST_CASE("logits that are huge, tiny or infinitely unlikely give finite losses") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  const std::int64_t place = GENERATE(0, 17, 36);
  CAPTURE(dtype, place);
  const float lowest = -std::numeric_limits<float>::infinity();
  const float other = GENERATE_COPY(-3e38F, -1e-38F, lowest, 1e-38F, -2e5F);
  CAPTURE(other);
  at::Tensor logits = at::full({1, 37}, other);
  logits.select(1, place).fill_(other < -1 ? -1e5F : other);
  logits = logits.to(dtype);
  const at::Tensor targets = at::full({1}, place, at::kLong);
  const double expected = other < -1 ? 0 : std::log(37.0);
  at::Tensor given = logits.clone();
  CHECK(cross_entropy(given, targets, {}, true).item<double>() == Approx(expected).margin(1e-5));
  CHECK(given.isfinite().all().item<bool>());
  CHECK(given.select(1, place).item<double>() ==
        Approx(other < -1 ? 0 : 1.0 / 37 - 1).margin(4e-3));
}

TEST_CASE("NaN and infinite logits give losses that are not finite, in bfloat16 too") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  const float bad =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity());
  const std::int64_t place = GENERATE(0, 17, 36);
  CAPTURE(dtype, bad, place);
  at::Tensor logits = at::zeros({1, 37});
  logits.select(1, place).fill_(bad);
  logits = logits.to(dtype);
  const at::Tensor targets = at::full({1}, 5, at::kLong), zeros = at::zeros_like(logits);
  CHECK_FALSE(std::isfinite(cross_entropy(logits, targets, {}, false).item<double>()));
  CHECK_FALSE(std::isfinite(kl_divergence(logits, zeros, {}, false).item<double>()));
  at::Tensor given = logits.clone();
  CHECK_FALSE(std::isfinite(softmax_sums(given).log_sum.item<double>()));
  at::Tensor overwritten = logits.clone();
  CHECK_FALSE(std::isfinite(cross_entropy(overwritten, targets, {}, true).item<double>()));
  CHECK(overwritten.isnan().all().item<bool>());
}

TEST_CASE("NaN passes through the operators in bfloat16") {
  const std::int64_t width = GENERATE(5, 16, 19);
  at::Tensor x = at::zeros({2, width}, at::kBFloat16);
  x.select(0, 0).fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor ones = at::ones({width}, at::kBFloat16);
  const auto only_first_is_nan = [](const at::Tensor& y) {
    return y.select(0, 0).isnan().all().item<bool>() && !y.select(0, 1).isnan().any().item<bool>();
  };
  CHECK(only_first_is_nan(rms_norm_forward(x, ones, 1e-6, NormRule::kRoundThenScale).first));
  CHECK(only_first_is_nan(gated_activation(x, x, Activation::kSilu)));
  CHECK(only_first_is_nan(gated_activation(x, x, Activation::kGeluTanh)));
}

TEST_CASE("tensors of several dtypes take the plain path") {
  at::manual_seed(8);
  const at::Tensor x = at::randn({4, 3, 16}).to(at::kBFloat16), angles = at::randn({4, 8});
  const at::Tensor turned =
      rotate(x, angles.cos().to(at::kBFloat16), angles.sin().to(at::kBFloat16), false);
  const at::Tensor mixed =
      rms_norm_forward(x, at::ones({16}), 1e-6, NormRule::kScaleByOnePlus).first;
  CHECK(turned.scalar_type() == at::kBFloat16);
  CHECK(mixed.equal(std::get<0>(plain::rms_norm_forward(x, at::ones({16}), 1e-6, true))));
}

TEST_CASE("kernels for processors without AVX compute the same") {
  constexpr std::int64_t kWidth = 257;
  at::manual_seed(9);
  const at::Tensor logits = (at::randn({kWidth}) * 5).to(at::kBFloat16);
  at::Tensor row = logits.clone(), dispatched = logits.clone().unsqueeze(0);
  const float loss = kBaselineBf16Losses.cross_entropy_backward(
      {.vocabulary = kWidth, .target = 7, .logits = static_cast<Bf16*>(row.data_ptr())});
  const at::Tensor expected = cross_entropy(dispatched, at::full({1}, 7, at::kLong), {}, true);
  CHECK(loss == Approx(expected.item<float>()).epsilon(1e-6));
  CHECK(roundings_off(row, dispatched.squeeze(0).to(at::kFloat), 1e-8) < 2.01);
  at::Tensor out = at::empty_like(logits);
  const auto* const in = static_cast<const Bf16*>(logits.const_data_ptr());
  kBaselineBf16Elementwise.silu.forward({.rows = 1,
                                         .columns = kWidth,
                                         .gate = {in, kWidth},
                                         .up = {in, kWidth},
                                         .out = {static_cast<Bf16*>(out.data_ptr()), kWidth}});
  const at::Tensor wide = logits.to(at::kFloat);
  CHECK(roundings_off(out, at::silu(wide) * wide) < 1.01);
}

}  // namespace
}  // namespace expandft
