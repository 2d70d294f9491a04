#include "kernels/chunked_attention.h"

#include "catch.h"
#include "cuda/gpu.h"
#include "kernels/attention_formula.h"
#include "peak_growth.h"

#include <ATen/Parallel.h>

namespace expandft {
namespace {

TEST_CASE("attention in chunks of queries and its gradients equal the formula") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const AttentionCase c = GENERATE(
      // Sequences of one length together, one key head at a time, and a chunk at a time.
      AttentionCase{8, 4, 8, {0, 256, 512}}, AttentionCase{6, 3, 20, {0, 1100, 1107, 2207}},
      AttentionCase{16, 1, 8, {0, 700, 703}}, AttentionCase{2, 1, 512, {0, 150, 300, 301}},
      AttentionCase{6, 6, 18, {0, 1, 4, 21, 85, 149}}, AttentionCase{4, 2, 8, {0, 20}, 1},
      AttentionCase{4, 2, 8, {0, 3000, 3005}, 500}, AttentionCase{8, 2, 8, {0, 5, 2005}, 1000},
      AttentionCase{4, 2, 8, {0, 5, 45}, 9}, AttentionCase{6, 2, 12, {0, 17, 57, 62}, {}, 1.5},
      AttentionCase{4, 1, 8, {0, 1100, 1107}, 900, 2.0},
      AttentionCase{4, 2, 8, {0, 40, 80, 87}, {}, 2.0});
  check_against_formula(c, dtype, chunked_attention);
}

TEST_CASE("attention in chunks is not changed by what later tokens and hidden keys hold") {
  at::manual_seed(3);
  const at::Tensor q = at::randn({900, 16, 8}), k = at::randn({900, 2, 8});
  const at::Tensor v = at::randn({900, 2, 8});
  const AttentionOptions options{.scale = 0.3, .window = 100};
  const at::Tensor before = chunked_attention(q, k, v, {0, 900}, options);
  k.narrow(0, 700, 200).fill_(7);
  v.narrow(0, 0, 600).fill_(-3);
  const at::Tensor after = chunked_attention(q, k, v, {0, 900}, options);
  CHECK(at::equal(after.slice(0, 699, 700), before.slice(0, 699, 700)));
  CHECK_FALSE(at::equal(after.slice(0, 698, 699), before.slice(0, 698, 699)));
  CHECK_FALSE(at::equal(after.slice(0, 700, 701), before.slice(0, 700, 701)));
}

TEST_CASE("attention in chunks refuses keys of another dtype") {
  const at::Tensor q = at::zeros({4, 2, 8}, at::kBFloat16), k = at::zeros({4, 2, 8});
  CHECK_THROWS(chunked_attention(q, k, q, {0, 4}, {.scale = 1.0}));
  CHECK_THROWS(chunked_attention(q, q, k, {0, 4}, {.scale = 1.0}));
}

TEST_CASE("the memory of attention in chunks does not grow with the square of the tokens",
          "[bounded_memory]") {
  constexpr std::int64_t kTokens = 8192, kDim = 512;
  const auto softcap = GENERATE(std::optional<double>{}, std::optional<double>{20.0});
  const auto work = [&] {
    at::set_num_threads(1);  // a child process has no other threads
    const auto leaf = [](std::int64_t heads) {
      return at::ones({kTokens, heads, kDim}, at::kBFloat16).requires_grad_(true);
    };
    const at::Tensor q = leaf(1), k = leaf(1), v = leaf(1);
    chunked_attention(q, k, v, {0, kTokens}, {.scale = 0.04, .softcap = softcap}).sum().backward();
    if (!q.grad().defined()) _exit(1);
  };
  // Queries, keys, values, the result and gradients take 90 MiB, and four fp32 copies 64 MiB. One
  // matrix of all scores in fp32 would be 256 MiB, and the backward pass would hold four.
  CHECK(testing::peak_growth(work) < (std::int64_t{384} << 20));
}

TEST_CASE("attention with large heads on a GPU equals the formula", "[gpu]") {
  if (!gpu_is_there()) return;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const AttentionCase c = GENERATE(
      AttentionCase{8, 2, 512, {0, 40, 640, 680}}, AttentionCase{4, 4, 264, {0, 300, 301}, 100},
      AttentionCase{2, 1, 512, {0, 1500}, 700}, AttentionCase{4, 2, 64, {0, 200, 400}, {}, 1.5});
  check_against_formula(c, dtype, causal_attention, at::Device(at::kCUDA, 0));
}

}  // namespace
}  // namespace expandft
