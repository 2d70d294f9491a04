#include "kernels/flash_attention.h"

#include "cuda/gpu.h"
#include "kernels/attention.h"

namespace expandft {
namespace {

struct FlashCase {
  std::int64_t heads, kv_heads, dim;
  std::vector<std::int64_t> offsets;
  std::optional<std::int64_t> window = {};
};

/// Compares attention on a GPU in `dtype` with the CPU's in fp32 on the same numbers.
void check_attention(const FlashCase& c, at::ScalarType dtype) {
  CAPTURE(c.heads, c.kv_heads, c.dim, c.offsets, c.window.value_or(0), dtype);
  at::manual_seed(1);
  const auto random = [&](std::int64_t heads) {
    return at::randn({c.offsets.back(), heads, c.dim}).to(dtype);
  };
  const at::Tensor q = random(c.heads), k = random(c.kv_heads), v = random(c.kv_heads);
  const at::Tensor dout = random(c.heads);
  const AttentionOptions options{1 / std::sqrt(static_cast<double>(c.dim)), c.window, {}};
  struct Run {
    at::Tensor out, dq, dk, dv;
  };
  const auto run = [&](at::Device device, at::ScalarType computed) {
    const auto leaf = [&](const at::Tensor& x) {
      return x.to(device, computed, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
    };
    const at::Tensor q1 = leaf(q), k1 = leaf(k), v1 = leaf(v);
    const at::Tensor out = causal_attention(q1, k1, v1, c.offsets, options);
    out.backward(dout.to(device, computed));
    return Run{out.detach(), q1.grad(), k1.grad(), v1.grad()};
  };
  const Run found = run(at::kCUDA, dtype), expected = run(at::kCPU, at::kFloat);
  const auto error = [](const at::Tensor& a, const at::Tensor& b) {
    CHECK(a.is_cuda());
    return ((a.cpu().to(at::kFloat) - b).abs().max() / b.abs().max()).item<double>();
  };
  const double allowed = dtype == at::kBFloat16 ? 0.02 : dtype == at::kHalf ? 0.003 : 2e-5;
  CHECK(error(found.out, expected.out) < allowed);
  CHECK(error(found.dq, expected.dq) < allowed);
  CHECK(error(found.dk, expected.dk) < allowed);
  CHECK(error(found.dv, expected.dv) < allowed);
}

const std::vector<FlashCase> kCases = {
    {4, 4, 64, {0, 40}},
    {8, 2, 64, {0, 1, 4, 21, 149, 300}},  // each key head serves four query heads
    {4, 1, 128, {0, 127, 255, 256}},
    {4, 1, 256, {0, 700, 730}},
    {3, 3, 40, {0, 64, 129}},
    {2, 2, 64, {0, 1, 2, 3}},  // one token each
    {4, 2, 64, {0, 5, 45}, 5},
    {4, 2, 64, {0, 20}, 1},
    {2, 1, 128, {0, 700, 730}, 100},
    {2, 2, 64, {0, 30}, 30},
    {2, 2, 64, {0, 30, 50}, 29},
};

TEST_CASE("flash attention is for GPUs") {
  CHECK_FALSE(suits_flash_attention(at::zeros({3, 2, 64}, at::kBFloat16)));
}

TEST_CASE("flash attention equals the CPU's attention", "[gpu]") {
  if (!gpu_is_there()) return;
  const at::ScalarType dtype = GENERATE(at::kBFloat16, at::kHalf);
  for (const FlashCase& c : kCases) {
    REQUIRE(
        suits_flash_attention(at::zeros({1, 1, c.dim}, at::TensorOptions(at::kCUDA).dtype(dtype))));
    check_attention(c, dtype);
  }
}

TEST_CASE("heads of a fused projection go to flash attention without a copy", "[gpu]") {
  if (!gpu_is_there()) return;
  at::manual_seed(2);
  const at::Tensor fused =
      at::randn({50, 8, 64}, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  const auto heads = [&](std::int64_t first, std::int64_t count) {
    return fused.narrow(1, first, count);
  };
  const at::Tensor found =
      flash_attention(heads(0, 4), heads(4, 2), heads(6, 2), {0, 20, 50}, 0.125, std::nullopt);
  const at::Tensor expected =
      flash_attention(heads(0, 4).contiguous(), heads(4, 2).contiguous(), heads(6, 2).contiguous(),
                      {0, 20, 50}, 0.125, std::nullopt);
  CHECK(at::equal(found, expected));
}

TEST_CASE("fp32 and odd head sizes use LibTorch's general attention", "[gpu]") {
  if (!gpu_is_there()) return;
  const auto gpu = [](std::int64_t dim, at::ScalarType dtype) {
    return at::zeros({1, 1, dim}, at::TensorOptions(at::kCUDA).dtype(dtype));
  };
  CHECK_FALSE(suits_flash_attention(gpu(64, at::kFloat)));
  CHECK_FALSE(suits_flash_attention(gpu(12, at::kBFloat16)));
  CHECK_FALSE(suits_flash_attention(gpu(264, at::kBFloat16)));
  for (const FlashCase& c : kCases) check_attention(c, at::kFloat);
  check_attention({4, 2, 12, {0, 30, 50}, 7}, at::kBFloat16);
}

}  // namespace
}  // namespace expandft
