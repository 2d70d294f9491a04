#include "data/packing.h"

#include "base/expect_error.h"
#include "catch.h"
#include "data/dataset.h"
#include "data/random.h"

#include <algorithm>
#include <future>
#include <numeric>

using namespace expandft;

namespace {

Dataset dataset_of(const std::vector<std::int64_t>& lengths) {
  Dataset dataset;
  for (const std::int64_t length : lengths) {
    const auto size = static_cast<std::size_t>(length);
    dataset.examples.push_back({std::vector<TokenId>(size, 5), std::vector<std::uint8_t>(size, 1)});
  }
  return dataset;
}

std::vector<std::int64_t> random_lengths(std::size_t count, std::uint64_t low, std::uint64_t high) {
  Random random(11);
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < count; ++i) {
    lengths.push_back(static_cast<std::int64_t>(low + random.below(high - low + 1)));
  }
  return lengths;
}

std::vector<std::uint32_t> flat(const std::vector<Pack>& packs) {
  std::vector<std::uint32_t> all;
  for (const Pack& pack : packs) all.insert(all.end(), pack.begin(), pack.end());
  return all;
}

// Checks that every example occurs once. Returns the share of max_length that is filled.
double check_packs(const Dataset& dataset, const std::vector<Pack>& packs,
                   std::int64_t max_length) {
  std::vector<std::uint32_t> seen = flat(packs);
  std::sort(seen.begin(), seen.end());
  std::vector<std::uint32_t> expected(dataset.examples.size());
  std::iota(expected.begin(), expected.end(), 0u);
  REQUIRE(seen == expected);
  std::int64_t tokens = 0;
  for (const Pack& pack : packs) {
    REQUIRE_FALSE(pack.empty());
    std::int64_t total = 0;
    for (const std::uint32_t i : pack) {
      total += static_cast<std::int64_t>(dataset.examples[i].tokens.size());
    }
    REQUIRE(total <= max_length);
    tokens += total;
  }
  return static_cast<double>(tokens) /
         (static_cast<double>(packs.size()) * static_cast<double>(max_length));
}

Dataset dataset_of_lengths(std::size_t count) {
  Dataset dataset;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t length = 2 + (i * 7) % 30;
    dataset.examples.push_back(
        {std::vector<TokenId>(length, 1), std::vector<std::uint8_t>(length, 1)});
  }
  return dataset;
}

DataConfig data_of(bool packing) {
  DataConfig data;
  data.max_length = 64;
  data.packing = packing;
  return data;
}

}  // namespace

TEST_CASE("packs are filled and no example is lost", "[packing]") {
  struct Case {
    std::uint64_t low, high;
  };
  const auto range = GENERATE(Case{1, 1024}, Case{2, 300}, Case{20, 600}, Case{100, 500});
  INFO("lengths " << range.low << " to " << range.high);
  const Dataset dataset = dataset_of(random_lengths(20000, range.low, range.high));
  for (const bool shuffle : {true, false}) {
    const auto packs = epoch_order(dataset, 1024, true, shuffle, 7, 0);
    CHECK(check_packs(dataset, packs, 1024) > 0.95);
  }
}

TEST_CASE("without packing each example is a pack by itself", "[packing]") {
  const Dataset dataset = dataset_of(random_lengths(500, 1, 64));
  const auto packs = epoch_order(dataset, 64, false, true, 7, 0);
  CHECK(packs.size() == 500);
  check_packs(dataset, packs, 64);
  const auto ordered = flat(epoch_order(dataset, 64, false, false, 7, 3));
  CHECK(std::is_sorted(ordered.begin(), ordered.end()));
}

TEST_CASE("the order depends on seed and epoch alone", "[packing]") {
  const Dataset dataset = dataset_of(random_lengths(1000, 1, 64));
  const auto packs = epoch_order(dataset, 128, true, true, 7, 2);
  CHECK(packs == epoch_order(dataset, 128, true, true, 7, 2));
  CHECK(packs != epoch_order(dataset, 128, true, true, 7, 3));
  CHECK(packs != epoch_order(dataset, 128, true, true, 8, 2));
  CHECK(epoch_order(dataset, 128, true, false, 7, 2) ==
        epoch_order(dataset, 128, true, false, 8, 9));
}

TEST_CASE("shuffled packing stays in random order", "[packing]") {
  // If long examples were packed first, the first half of the epoch would be longer on average.
  const Dataset dataset = dataset_of(random_lengths(20000, 1, 1024));
  const auto all = flat(epoch_order(dataset, 1024, true, true, 7, 0));
  double first = 0;
  double second = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    (i < all.size() / 2 ? first : second) +=
        static_cast<double>(dataset.examples[all[i]].tokens.size());
  }
  CHECK(first / second == Approx(1.0).margin(0.03));
}

TEST_CASE("full-length examples fill a pack alone, and no examples give no packs", "[packing]") {
  const Dataset dataset = dataset_of({8, 8, 3, 5});
  CHECK(epoch_order(dataset, 8, true, false, 0, 0) == std::vector<Pack>{{0}, {1}, {2, 3}});
  CHECK(epoch_order({}, 8, true, true, 0, 0).empty());
}

TEST_CASE("an example longer than max_length is refused", "[packing]") {
  expect_input_error(
      [] {
        epoch_order(dataset_of({3, 9}), 8, true, true, 0, 0);
      },
      {"example 1 has 9 tokens", "max_length 8"});
}

TEST_CASE("the generator gives the same numbers everywhere, and no bias", "[random]") {
  // A resumed run relies on the order of an epoch, so these values, computed separately, must not
  // change.
  Random random(7, 3);
  const std::vector<std::uint64_t> drawn = {random.next(), random.next(), random.next()};
  CHECK(drawn == std::vector<std::uint64_t>{1543764289129714523u, 10442030891243529390u,
                                            17290636074831354419u});
  Random other(7, 4);
  CHECK(drawn[0] != other.next());

  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (const int count : counts) CHECK(count == Approx(10000).epsilon(0.04));
  CHECK(random.below(1) == 0);
}

TEST_CASE("epochs are packed as by epoch_order, once for all callers", "[packing]") {
  const Dataset dataset = dataset_of_lengths(500);
  const bool packing = GENERATE(true, false);
  const PackedEpochs epochs(dataset, data_of(packing), 7);
  for (const std::uint64_t epoch : {0, 2, 1}) {
    const PackedEpochs::Packs packs = epochs.of(epoch);
    CHECK(*packs == epoch_order(dataset, 64, packing, true, 7, epoch));
    CHECK(epochs.of(epoch) == packs);
  }
  std::vector<std::future<PackedEpochs::Packs>> asked;
  for (int i = 0; i < 4; ++i) {
    asked.push_back(std::async(std::launch::async, [&] { return epochs.of(3); }));
  }
  const PackedEpochs::Packs third = epochs.of(3);
  for (auto& one : asked) CHECK(one.get() == third);
}

TEST_CASE("epochs beyond the memory limit are packed again, the first ones are cached",
          "[packing]") {
  const Dataset dataset = dataset_of_lengths(500);
  const auto epoch_bytes = 500 * sizeof(std::uint32_t);
  const PackedEpochs none(dataset, data_of(true), 7, epoch_bytes);
  CHECK(none.of(0) != none.of(0));
  CHECK(*none.of(0) == *none.of(0));
  const PackedEpochs some(dataset, data_of(true), 7, 20 * epoch_bytes);
  const PackedEpochs::Packs first = some.of(0);
  bool has_ended = false;
  for (std::uint64_t epoch = 1; epoch < 20; ++epoch) {
    has_ended = has_ended || some.of(epoch) != some.of(epoch);
  }
  CHECK(has_ended);
  CHECK(some.of(0) == first);
}
