#include "kernels/likeliest.h"

#include "catch.h"
#include "golden.h"

namespace expandft {
namespace {

TEST_CASE("the likeliest tokens are those of the largest logits") {
  // Few rows and many, panels filled and not; vocabularies around the blocks and of several tasks.
  const std::int64_t rows = GENERATE(1, 4, 16, 17, 70);
  const std::int64_t vocabulary = GENERATE(1, 7, 1536, 4001);
  const std::int64_t width = GENERATE(1, 48);
  CAPTURE(rows, vocabulary, width);
  at::manual_seed(5);
  const at::Tensor hidden = at::randn({rows, width}), head = at::randn({vocabulary, width});
  const auto [best, ids] = at::mm(hidden, head.t()).max(-1);
  const Likeliest found = likeliest_tokens(hidden, head);
  CHECK(at::equal(found.ids, ids));
  CHECK(worst_difference(found.logits, best) < 1e-4);
}

TEST_CASE("of equal logits the first is the likeliest") {
  const at::Tensor hidden = at::ones({20, 8});
  at::Tensor head = at::zeros({5000, 8});
  for (const std::int64_t row : {31, 32, 1600, 4999}) head[row].fill_(1.0F);
  CHECK(likeliest_tokens(hidden, head).ids.eq(31).all().item<bool>());
  CHECK(likeliest_tokens(hidden, -at::ones({5000, 8})).ids.eq(0).all().item<bool>());
}

TEST_CASE("a logit that is no number is found in any place") {
  const at::Tensor hidden = at::ones({20, 8});
  const std::int64_t row = GENERATE(0, 3, 1535, 1536, 4999);
  at::Tensor head = at::arange(5000, at::kFloat).unsqueeze(1).expand({5000, 8}).contiguous();
  head[row][5] = NAN;
  CHECK(likeliest_tokens(hidden, head).logits.isnan().all().item<bool>());
}

TEST_CASE("in 16 bits the likeliest tokens are those of the product") {
  at::manual_seed(6);
  const at::Tensor hidden = at::randn({9, 32}).to(at::kBFloat16);
  const at::Tensor head = at::randn({300, 32}).to(at::kBFloat16);
  CHECK(at::equal(likeliest_tokens(hidden, head).ids, at::linear(hidden, head).argmax(-1)));
}

}  // namespace
}  // namespace expandft
