#include "data/batch.h"

#include "base/error.h"
#include "catch.h"

using namespace expandft;

TEST_CASE("a batch predicts the next learned token of each sequence", "[batch]") {
  TokenBatch batch;
  CHECK(batch.sequences() == 0);
  CHECK(batch.tokens() == 0);
  batch.append({{1, 10, 11, 2}, {0, 0, 1, 1}});
  batch.append({{1, 20}, {1, 0}});
  batch.append({{}, {}});
  batch.append({{7, 8, 9}, {1, 1, 1}});

  CHECK(batch.ids == std::vector<TokenId>{1, 10, 11, 2, 1, 20, 7, 8, 9});
  CHECK(batch.targets ==
        std::vector<TokenId>{kNoTarget, 11, 2, kNoTarget, kNoTarget, kNoTarget, 8, 9, kNoTarget});
  CHECK(batch.positions == std::vector<std::int64_t>{0, 1, 2, 3, 0, 1, 0, 1, 2});
  CHECK(batch.offsets == std::vector<std::int64_t>{0, 4, 6, 9});
  CHECK(batch.sequences() == 3);
  CHECK(batch.tokens() == 9);
  CHECK(batch.target_count() == 4);
}

TEST_CASE("an example needs as many marks as tokens", "[batch]") {
  TokenBatch batch;
  CHECK_THROWS_AS(batch.append({{1, 2}, {1}}), Error);
  CHECK(batch.tokens() == 0);
}
