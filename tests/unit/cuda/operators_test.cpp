#include "cuda/gpu.h"
#include "kernels/fused_ops.h"
#include "kernels/plain_ops.h"
#include "runtime/process.h"

namespace expandft {
namespace {

// Compares the plugin's kernels with plain ATen, both on the GPU.

constexpr at::ScalarType kDtypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

class Random {
 public:
  explicit Random(at::ScalarType dtype) : options_(at::TensorOptions(at::kCUDA).dtype(dtype)) {
    at::manual_seed(1);
  }
  at::Tensor operator()(at::IntArrayRef shape) const { return at::randn(shape, options_); }

 private:
  at::TensorOptions options_;
};

TEST_CASE("the peak of a GPU's memory stays when it is freed", "[gpu]") {
  if (!gpu_is_there()) return;
  const at::Device gpu(at::kCUDA, 0);
  constexpr std::int64_t kBytes = 256 << 20;
  { const at::Tensor held = at::empty({kBytes}, at::TensorOptions().dtype(at::kByte).device(gpu)); }
  CHECK(peak_memory_bytes(gpu) >= kBytes);
}

TEST_CASE("norms on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  const at::ScalarType dtype = GENERATE(from_range(std::begin(kDtypes), std::end(kDtypes)));
  const NormRule rule =
      GENERATE(NormRule::kRoundThenScale, NormRule::kScaleByOnePlus, NormRule::kScaleThenRound);
  const auto number = static_cast<std::int64_t>(rule);
  const Random random(dtype);
  const auto check = [&](const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight) {
    CAPTURE(x.sizes(), x.strides(), dtype, rule);
    const auto [y, rstd] = rms_norm_forward(x, weight, 1e-6, rule);
    const auto [plain_y, plain_rstd] = plain::rms_norm_forward(x, weight, 1e-6, number);
    CHECK(difference(y, plain_y) < 1);
    CHECK(difference(rstd, plain_rstd) < 1);
    CHECK(difference(rms_norm_backward(dy, x, weight, rstd, rule),
                     plain::rms_norm_backward(dy, x, weight, rstd, number)) < 1);
  };
  // One warp and one block for each row, whole packs and odd widths, rows longer than a block.
  for (const std::int64_t columns : {7, 64, 255, 256, 513, 4096, 8191, 40000}) {
    check(random({5, columns}), random({5, columns}), random({columns}));
  }
  check(random({6, 3, 128}), random({6, 3, 128}), random({128}));
  check(random({0, 64}), random({0, 64}), random({64}));
  // Rows with a stride, unaligned rows, and one row repeated (stride 0).
  check(random({9, 96}).narrow(1, 0, 64), random({9, 80}).narrow(1, 16, 64), random({64}));
  check(random({9, 67}).narrow(1, 3, 64), random({9, 64}), random({64}));
  check(random({4, 64}), random({1, 64}).expand({4, 64}), random({65}).narrow(0, 1, 64));
}

TEST_CASE("rotation on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  const at::ScalarType dtype = GENERATE(from_range(std::begin(kDtypes), std::end(kDtypes)));
  const bool back = GENERATE(false, true);
  const Random random(dtype);
  const auto check = [&](const at::Tensor& x, std::int64_t half) {
    CAPTURE(x.sizes(), x.strides(), half, dtype, back);
    const at::Tensor cos = random({x.size(0), half}), sin = random({x.size(0), half});
    CHECK(difference(rotate(x, cos, sin, back), plain::rotate(x, cos, sin, back)) < 1);
  };
  check(random({7, 4, 64}), 32);
  check(random({1, 32, 128}), 64);
  check(random({3, 1, 256}), 128);
  check(random({3, 5, 80}), 16);  // numbers after the pairs are copied
  check(random({2, 3, 10}), 3);
  check(random({5, 12, 64}).narrow(1, 4, 4), 32);  // heads of a fused projection
  check(random({5, 4, 66}).narrow(2, 1, 64), 32);
  check(random({0, 4, 64}), 32);
}

TEST_CASE("gated activations on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  const at::ScalarType dtype = GENERATE(from_range(std::begin(kDtypes), std::end(kDtypes)));
  const Activation activation =
      GENERATE(Activation::kSilu, Activation::kGelu, Activation::kGeluTanh);
  const auto number = static_cast<std::int64_t>(activation);
  const Random random(dtype);
  const auto check = [&](const at::Tensor& gate, const at::Tensor& up, const at::Tensor& grad) {
    CAPTURE(gate.sizes(), gate.strides(), up.strides(), grad.strides(), dtype, number);
    CHECK(difference(gated_activation(gate, up, activation),
                     plain::gated_activation(gate, up, number)) < 1);
    for (const bool wants_value : {false, true}) {
      const auto found = gated_activation_backward(grad, gate, up, activation, wants_value);
      const auto [value, dgate, dup] =
          plain::gated_activation_backward(grad, gate, up, number, wants_value);
      REQUIRE(found.value.defined() == wants_value);
      if (wants_value) CHECK(difference(found.value, value) < 1);
      CHECK(difference(found.gate, dgate) < 1);
      CHECK(difference(found.up, dup) < 1);
    }
  };
  const auto dense = [&](std::int64_t rows, std::int64_t columns) {
    check(random({rows, columns}) * 3, random({rows, columns}), random({rows, columns}));
  };
  dense(1, 1), dense(3, 77), dense(5, 8), dense(4, 4096), dense(17, 5000), dense(0, 8);
  const at::Tensor fused = random({6, 2 * 96});
  check(fused.narrow(1, 0, 96), fused.narrow(1, 96, 96), random({6, 96}));
  check(fused.narrow(1, 1, 95), fused.narrow(1, 96, 95), random({1, 95}).expand({6, 95}));
  const at::Tensor many = random({70000, 4});  // more rows than a grid has in its second dimension
  check(many.narrow(1, 0, 2), many.narrow(1, 2, 2), random({70000, 2}));
  // Values of large magnitude, where activations are flat.
  check(random({4, 64}) * 40, random({4, 64}), random({4, 64}));
}

TEST_CASE("cross-entropy on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  const at::ScalarType dtype = GENERATE(from_range(std::begin(kDtypes), std::end(kDtypes)));
  const auto softcap = GENERATE(std::optional<double>(), std::optional<double>(30.0));
  const Random random(dtype);
  const auto check = [&](at::Tensor logits) {
    CAPTURE(logits.sizes(), logits.strides(), dtype, softcap.value_or(0));
    const std::int64_t rows = logits.size(0), columns = logits.size(1);
    if (softcap) logits.copy_((logits / *softcap).tanh_().mul_(*softcap));
    const at::Tensor targets =
        at::randint(columns, {rows}, at::TensorOptions(at::kCUDA).dtype(at::kLong));
    at::Tensor kept = logits.clone(), expected = logits.clone();
    const at::Tensor plain_losses = plain::cross_entropy(expected, targets, softcap, true);
    CHECK(difference(cross_entropy(logits, targets, softcap, false), plain_losses) < 1);
    CHECK(at::equal(logits, kept));  // no gradient requested: unchanged
    CHECK(difference(cross_entropy(logits, targets, softcap, true), plain_losses) < 1);
    CHECK(difference(logits, expected) < 1);
    const at::Tensor given = at::rand({rows}, at::TensorOptions(at::kCUDA));
    for (const auto& weights : {std::optional<at::Tensor>(), std::optional<at::Tensor>(given)}) {
      at::Tensor one = kept.clone(), other = kept.clone();
      const WeightedLosses found = weighted_cross_entropy(one, targets, weights, softcap);
      const auto [losses, used] = plain::weighted_cross_entropy(other, targets, weights, softcap);
      CHECK(difference(found.losses, losses) < 1);
      CHECK(difference(found.weights, used) < 1);
      CHECK(difference(one, other) < 1);
    }
  };
  for (const std::int64_t columns : {1, 11, 512, 32000, 50257, 262144}) {
    check(random({3, columns}) * 4);
  }
  check(random({0, 64}));
  check(random({5, 1031}).narrow(1, 5, 1000) * 4);
  check(random({5, 1031}).narrow(1, 5, 1000));  // unaligned rows
  at::Tensor large = random({2, 4096});
  large.mul_(10).add_(dtype == at::kHalf ? 1000 : 10000);
  check(large);
}

TEST_CASE("logits of -inf have a gradient of 0 on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  at::Tensor logits = Random(at::kFloat)({2, 3000});
  logits.narrow(1, 1, 2000).fill_(-INFINITY);  // whole packs, and the first of a thread
  at::Tensor expected = logits.clone();
  const at::Tensor targets = at::tensor({0, 2999}, at::kLong).cuda();
  const at::Tensor losses = plain::cross_entropy(expected, targets, std::nullopt, true);
  CHECK(difference(cross_entropy(logits, targets, std::nullopt, true), losses) < 1);
  CHECK(difference(logits, expected) < 1);
}

TEST_CASE("other dtypes go to plain ATen on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  REQUIRE(operators_without_cuda().empty());
  const Random random(at::kDouble);
  const at::Tensor x = random({3, 16}), up = random({3, 16});
  CHECK(at::equal(gated_activation(x, up, Activation::kSilu), plain::gated_activation(x, up, 0)));
  const at::Tensor weight = random({16}).to(at::kFloat);
  const at::Tensor narrow = x.to(at::kBFloat16);
  CHECK(at::equal(rms_norm_forward(narrow, weight, 1e-6, NormRule::kScaleByOnePlus).first,
                  std::get<0>(plain::rms_norm_forward(narrow, weight, 1e-6, true))));
}

}  // namespace
}  // namespace expandft
