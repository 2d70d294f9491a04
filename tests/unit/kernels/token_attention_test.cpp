#include "kernels/token_attention.h"

#include "catch.h"
#include "golden.h"

#include <cmath>

namespace expandft {
namespace {

std::vector<std::int64_t> rows_of(const SeenRows& seen) {
  std::vector<std::int64_t> rows;
  for (const RowRange& range : {seen.first, seen.second}) {
    for (std::int64_t row = range.begin; row < range.end; ++row) rows.push_back(row);
  }
  return rows;
}

/// By the formula, in double precision.
at::Tensor expected_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<SeenRows>& seen, double scale) {
  const std::int64_t group = q.size(1) / k.size(1);
  at::Tensor out = at::empty(q.sizes(), at::kDouble);
  for (std::int64_t i = 0; i < q.size(0); ++i) {
    const at::Tensor rows = at::tensor(rows_of(seen[static_cast<std::size_t>(i)]), at::kLong);
    for (std::int64_t h = 0; h < q.size(1); ++h) {
      const auto head = [&](const at::Tensor& x) {
        return x.select(1, h / group).index_select(0, rows).to(at::kDouble);
      };
      const at::Tensor scores = at::mv(head(k), q[i][h].to(at::kDouble)) * scale;
      out[i][h] = at::mv(head(v).t(), scores.softmax(0));
    }
  }
  return out;
}

struct HeadShapes {
  std::int64_t heads, kv_heads, dim;
};

TEST_CASE("attention to rows equals the formula") {
  // Head sizes of whole vectors and not, groups of one to seven heads.
  const HeadShapes c = GENERATE(HeadShapes{4, 1, 256}, HeadShapes{6, 2, 12}, HeadShapes{3, 3, 64},
                                HeadShapes{7, 1, 5}, HeadShapes{5, 1, 17});
  CAPTURE(c.heads, c.kv_heads, c.dim);
  at::manual_seed(3);
  const std::int64_t tokens = 19, rows = 90;
  const at::Tensor q = at::randn({tokens, c.heads, c.dim});
  const at::Tensor k = at::randn({rows, c.kv_heads, c.dim});
  // Rows further apart than they are long.
  const at::Tensor v = at::randn({rows, 2 * c.kv_heads, c.dim}).narrow(1, 0, c.kv_heads);
  std::vector<SeenRows> seen;
  for (std::int64_t i = 0; i < tokens; ++i) {
    // One key, a few, and more than a vector; the second range empty, short and long; no first.
    seen.push_back({.first = {i, i == 7 ? i : i + 1 + (i * 11) % 40},
                    .second = {60, 60 + (i == 7 ? 1 : (i * 5) % 31)}});
  }
  const double scale = 0.7 / std::sqrt(static_cast<double>(c.dim));
  const at::Tensor found = token_attention(q, k, v, seen, scale);
  CHECK(worst_difference(found, expected_attention(q, k, v, seen, scale)) < 5e-6);
}

TEST_CASE("large scores of a token do not overflow the softmax") {
  const at::Tensor q = at::full({1, 2, 8}, 30.0F), k = at::full({20, 1, 8}, 30.0F);
  const at::Tensor v = at::arange(160, at::kFloat).view({20, 1, 8});
  const at::Tensor out = token_attention(q, k, v, {{.first = {0, 20}, .second = {}}}, 1.0);
  CHECK(worst_difference(out[0][1], v.mean(0)[0]) < 1e-3);
}

TEST_CASE("rows and masks say the same to the newest tokens") {
  // A soft cap so weak that it changes nothing takes the path of masks.
  at::manual_seed(4);
  const at::Tensor q = at::randn({3, 4, 8});
  const at::Tensor k = at::randn({3, 12, 2, 8}), v = at::randn({3, 12, 2, 8});
  const std::vector<std::int64_t> lengths = {9, 1, 12};
  SeenTokens seen;
  at::Tensor visible = at::zeros({3, 12}, at::kBool);
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t length = lengths[static_cast<std::size_t>(i)];
    const std::int64_t begin = std::max<std::int64_t>(0, length - 7);
    seen.rows.push_back({.first = {12 * i + begin, 12 * i + length}, .second = {}});
    visible[i].narrow(0, begin, length - begin).fill_(true);
  }
  seen.masks = {visible};
  const at::Tensor by_rows = one_token_attention(q, k, v, seen, {.scale = 0.4});
  const at::Tensor by_masks = one_token_attention(q, k, v, seen, {.scale = 0.4, .softcap = 1e4});
  CHECK(worst_difference(by_rows, by_masks) < 1e-5);
}

}  // namespace
}  // namespace expandft
