#include "model/branched_batch.h"

#include "catch.h"
#include "golden.h"
#include "model/decoder.h"

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

using Sequences = std::vector<std::vector<TokenId>>;

at::Tensor hidden_alone(const Decoder& decoder, const std::vector<TokenId>& sequence) {
  TokenBatch batch;
  batch.append({sequence, std::vector<std::uint8_t>(sequence.size(), 0)});
  return decoder.hidden(to_device(batch, at::kCPU));
}

TEST_CASE("sequences that share their beginning give the same results as each alone") {
  const c10::NoGradGuard no_grad;
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const Golden golden(model);
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  // Short enough that LongRoPE uses its frequencies for short sequences.
  const std::vector<Sequences> groups = {
      {{5, 6, 7, 8, 9, 10}, {5, 6, 7, 8, 11}, {5, 6, 7, 8}},
      {{20, 21, 22}},
      {{30, 31, 32, 33}, {40, 31, 32, 33}},  // nothing in common
      {{50, 51}, {50, 51}},
  };
  BranchedBatch batch;
  std::vector<std::vector<std::vector<std::int64_t>>> rows;
  for (const Sequences& group : groups) rows.push_back(batch.append(group));
  CHECK(batch.tokens() == (4 + 2 + 1) + 3 + 8 + 2);
  const at::Tensor together = decoder.hidden(to_device(batch, at::kCPU));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t s = 0; s < groups[g].size(); ++s) {
      const at::Tensor own = together.index_select(0, at::tensor(rows[g][s], at::kLong));
      CHECK(worst_difference(own, hidden_alone(decoder, groups[g][s])) < 2e-5);
    }
  }
}

TEST_CASE("the token count of a group includes the shared beginning once") {
  CHECK(branched_tokens({{1, 2, 3}, {1, 2, 4}}) == 4);
  CHECK(branched_tokens({{1, 2, 3}}) == 3);
  CHECK(branched_tokens({{1}, {2}}) == 2);
  CHECK(branched_tokens({{1, 2}, {1}}) == 2);
}

TEST_CASE("a branch sees only the positions inside the window") {
  BranchedBatch batch;
  batch.append({{1, 2, 3, 4}, {1, 2, 5, 6}});
  // Rows: 1 2 | 3 4 | 5 6, at positions 0 1 2 3 2 3.
  const BranchedTensors tokens = to_device(batch, at::kCPU);
  const at::Tensor keys = at::empty({0});
  const SeenTokens rows = seen_in_branches(tokens, 2, keys, {});
  const at::Tensor mask = seen_in_branches(tokens, 2, keys, 30.0).masks.front();
  CHECK(rows.masks.empty());
  const auto sees = [&](std::int64_t row, std::int64_t column) {
    const auto& [first, second] = rows.rows[static_cast<std::size_t>(row)];
    const auto holds = [&](const RowRange& range) {
      return range.begin <= column && column < range.end;
    };
    const bool is_seen = holds(first) || holds(second);
    CHECK(is_seen == (mask[row][column].item<float>() == 0));
    return is_seen;
  };
  CHECK(sees(2, 1));
  CHECK_FALSE(sees(2, 0));
  CHECK(sees(4, 1));
  CHECK_FALSE(sees(4, 2));  // the other branch
  CHECK(sees(5, 4));
  CHECK_FALSE(sees(5, 1));
  CHECK_FALSE(sees(1, 4));
}

TEST_CASE("rows and masks say the same of every token of a group") {
  const auto window = GENERATE(std::optional<std::int64_t>{}, std::optional<std::int64_t>{1},
                               std::optional<std::int64_t>{3}, std::optional<std::int64_t>{50});
  BranchedBatch batch;
  batch.append({{1, 2, 3}});  // rows of a group start after those of others
  const std::int64_t start = batch.tokens();
  batch.append({{1, 2, 3, 4, 5, 6, 7}, {1, 2, 3, 8}, {1, 2, 3}, {1, 2, 3, 9, 9, 9}});
  const BranchedTensors tokens = to_device(batch, at::kCPU);
  const at::Tensor keys = at::empty({0});
  const std::vector<SeenRows> rows = seen_in_branches(tokens, window, keys, {}).rows;
  const at::Tensor mask = seen_in_branches(tokens, window, keys, 30.0).masks[1];
  at::Tensor seen = at::full_like(mask, -INFINITY);
  for (std::int64_t row = 0; row < mask.size(0); ++row) {
    const auto& [first, second] = rows[static_cast<std::size_t>(start + row)];
    for (const RowRange& range : {first, second}) {
      if (range.size() > 0) seen[row].narrow(0, range.begin - start, range.size()).zero_();
    }
  }
  CHECK(at::equal(seen, mask));
}

}  // namespace
}  // namespace expandft
