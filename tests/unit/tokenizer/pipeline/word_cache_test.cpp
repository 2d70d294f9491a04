#include "tokenizer/pipeline/word_cache.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("a word cache has the words that were added", "[word_cache]") {
  WordCache cache;
  std::vector<TokenId> ids = {9};
  CHECK_FALSE(cache.append("word", ids));
  cache.add("word", std::vector<TokenId>{1, 2});
  cache.add("none", {});
  CHECK(cache.append("word", ids));
  CHECK(cache.append("none", ids));
  CHECK_FALSE(cache.append("wor", ids));
  CHECK(ids == std::vector<TokenId>{9, 1, 2});
}

TEST_CASE("a word cache is bounded, and continues with new words", "[word_cache]") {
  WordCache cache;
  std::vector<TokenId> ids;
  const int length = GENERATE(1, 100);  // ids and bytes fill it, or words
  const int count = 200'000;
  std::vector<bool> known(count);
  const auto word = [&](int i) {
    return std::string(static_cast<std::size_t>(length), 'x') + std::to_string(i);
  };
  for (int i = 0; i < count; ++i) {
    cache.add(word(i), std::vector<TokenId>(static_cast<std::size_t>(length), i));
  }
  int kept = 0;
  for (int i = 0; i < count; ++i) kept += cache.append(word(i), ids) ? 1 : 0;
  CHECK(kept > 0);
  CHECK(kept <= 1 << 15);
  CHECK(cache.append(word(count - 1), ids));
  CHECK(ids.back() == count - 1);

  cache.add(std::string(10'000, 'y'), ids);
  CHECK_FALSE(cache.append(std::string(10'000, 'y'), ids));
}
