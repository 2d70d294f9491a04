#include "data/example_store.h"

#include "base/error.h"
#include "catch.h"
#include "data/dataset.h"
#include "data/random.h"

#include <numeric>

using namespace expandft;

namespace {

std::vector<Example> random_examples(std::size_t count) {
  Random random(5);
  std::vector<Example> examples(count);
  for (Example& example : examples) {
    const std::uint64_t length = random.below(400);
    for (std::uint64_t i = 0; i < length; ++i) {
      example.tokens.push_back(static_cast<TokenId>(random.below(100000)));
      example.learned.push_back(static_cast<std::uint8_t>(random.below(2)));
    }
  }
  return examples;
}

}  // namespace

TEST_CASE("examples come back as they were, from memory and from the disk", "[example_store]") {
  const std::size_t limit = GENERATE(std::size_t{1} << 20, ExampleStore::kMemoryLimit);
  const auto examples = random_examples(5000);  // 5 MB
  ExampleStore store(limit);
  for (const Example& example : examples) store.push_back(example);
  CHECK((store.bytes_on_disk() > 0) == (limit == 1 << 20));
  REQUIRE(store.size() == examples.size());
  std::size_t same = 0, index = 0;
  for (const Example& example : store) {
    const Example& expected = examples[index];
    const auto first = expected.learned.begin() + (expected.learned.empty() ? 0 : 1);
    same += example.tokens == expected.tokens && example.learned == expected.learned &&
            store.length(index) == std::ssize(expected.tokens) &&
            store.targets(index) == std::accumulate(first, expected.learned.end(), 0);
    ++index;
  }
  CHECK(same == examples.size());
  CHECK(store[17].tokens == examples[17].tokens);
  CHECK(store.back().tokens == examples.back().tokens);
  CHECK_THROWS_AS(store.at(5000), Error);
  CHECK_THROWS_AS(ExampleStore().back(), Error);
  CHECK_THROWS_AS(store.push_back({{1, 2}, {1}}), Error);
}

TEST_CASE("the fingerprint does not depend on where examples are stored", "[example_store]") {
  Dataset in_memory, on_disk;
  on_disk.examples = ExampleStore(1000);
  for (const Example& example : random_examples(5000)) {
    in_memory.examples.push_back(example);
    on_disk.examples.push_back(example);
  }
  CHECK(on_disk.examples.bytes_on_disk() > 4'000'000);
  CHECK(fingerprint(on_disk) == fingerprint(in_memory));
}

TEST_CASE("a quantile is a length that so many percent of the examples do not exceed", "[data]") {
  ExampleStore store;
  for (std::size_t length = 200; length >= 1; --length) {
    store.push_back({std::vector<TokenId>(length), std::vector<std::uint8_t>(length)});
  }
  CHECK(length_statistics(store, 0, 200) == LengthStatistics{1, 100, 180, 198, 200});
  CHECK(length_statistics(store, 0, 100) == LengthStatistics{101, 150, 190, 199, 200});
  CHECK(length_statistics(store, 199, 1) == LengthStatistics{1, 1, 1, 1, 1});
  CHECK(length_statistics(store, 197, 3) == LengthStatistics{1, 2, 3, 3, 3});
  CHECK(length_statistics(store, 7, 0) == LengthStatistics{});
}
