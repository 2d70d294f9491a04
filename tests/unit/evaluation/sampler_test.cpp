#include "evaluation/sampler.h"

#include "base/error.h"
#include "catch.h"

#include <array>
#include <cmath>
#include <limits>

using namespace expandft;

namespace {

// Logarithms of 0.1, 0.4, 0.2, 0.3.
const std::vector<float> kLogits = {std::log(0.1F), std::log(0.4F), std::log(0.2F), std::log(0.3F)};

std::vector<TokenId> ids_of(const std::vector<Candidate>& list) {
  std::vector<TokenId> ids;
  for (const Candidate& candidate : list) ids.push_back(candidate.id);
  return ids;
}

}  // namespace

TEST_CASE("without limits every token keeps its probability") {
  const auto list = candidates(kLogits, {.temperature = 1.0});
  CHECK(ids_of(list) == std::vector<TokenId>{1, 3, 2, 0});
  CHECK(list[0].probability == Approx(0.4));
  CHECK(list[3].probability == Approx(0.1));
}

TEST_CASE("a low temperature sharpens the distribution") {
  const auto list = candidates(kLogits, {.temperature = 0.5});  // squares: 1, 16, 4, 9 of 30
  CHECK(list[0].probability == Approx(16.0 / 30));
  CHECK(list[3].probability == Approx(1.0 / 30));
}

TEST_CASE("temperature 0 takes the likeliest token, the first of equal ones") {
  CHECK(ids_of(candidates(kLogits, {.temperature = 0})) == std::vector<TokenId>{1});
  CHECK(ids_of(candidates(std::vector<float>{1, 3, 3}, {.temperature = 0})) ==
        std::vector<TokenId>{1});
}

TEST_CASE("top-k keeps the k likeliest") {
  const auto list = candidates(kLogits, {.temperature = 1.0, .top_k = 2});
  CHECK(ids_of(list) == std::vector<TokenId>{1, 3});
  CHECK(list[0].probability == Approx(0.4 / 0.7));
  CHECK(candidates(kLogits, {.temperature = 1.0, .top_k = 99}).size() == 4);
}

TEST_CASE("top-p keeps the fewest that reach it") {
  const auto kept = [](double top_p, std::int64_t top_k = 0) {
    return ids_of(candidates(kLogits, {.temperature = 1.0, .top_k = top_k, .top_p = top_p}));
  };
  CHECK(kept(0.0) == std::vector<TokenId>{1});
  CHECK(kept(0.39) == std::vector<TokenId>{1});
  CHECK(kept(0.41) == std::vector<TokenId>{1, 3});
  CHECK(kept(0.89) == std::vector<TokenId>{1, 3, 2});
  CHECK(kept(0.95) == std::vector<TokenId>{1, 3, 2, 0});
  CHECK(kept(0.55, 2) == std::vector<TokenId>{1});  // of what top-k left: 0.4 / 0.7 = 0.57
}

TEST_CASE("impossible tokens are never drawn") {
  const float none = -std::numeric_limits<float>::infinity();
  Sampler sampler({.temperature = 1.0}, 1);
  for (int i = 0; i < 100; ++i) CHECK(sampler.draw(std::vector<float>{none, 0, none}) == 1);
}

TEST_CASE("NaN logits are a failure") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float none = -std::numeric_limits<float>::infinity();
  for (const double temperature : {0.0, 1.0}) {
    CHECK_THROWS_AS(candidates(std::vector<float>{0, nan}, {.temperature = temperature}), Error);
    CHECK_THROWS_AS(candidates(std::vector<float>{none, none}, {.temperature = temperature}),
                    Error);
    CHECK_THROWS_AS(candidates(std::vector<float>{0, -none}, {.temperature = temperature}), Error);
  }
}

TEST_CASE("draws follow the probabilities and depend on the seed") {
  const auto draw = [](std::uint64_t seed) {
    Sampler sampler({.temperature = 1.0}, seed);
    std::vector<TokenId> ids;
    for (int i = 0; i < 4000; ++i) ids.push_back(sampler.draw(kLogits));
    return ids;
  };
  const std::vector<TokenId> ids = draw(7);
  CHECK(ids == draw(7));
  CHECK(ids != draw(8));
  std::array<int, 4> counts{};
  for (const TokenId id : ids) ++counts.at(static_cast<std::size_t>(id));
  // Five standard deviations of a binomial of 4000 draws are at most 0.04.
  for (const auto& [id, share] : {std::pair{0, 0.1}, {1, 0.4}, {2, 0.2}, {3, 0.3}}) {
    CHECK(counts.at(static_cast<std::size_t>(id)) / 4000.0 == Approx(share).margin(0.04));
  }
}
