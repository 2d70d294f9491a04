#include "base/expect_error.h"
#include "catch.h"
#include "data/dataset.h"
#include "data/packing.h"

#include <algorithm>
#include <map>

using namespace expandft;

namespace {

using Counts = std::vector<int>;

/// Parts with the given numbers of examples, of four tokens each.
Dataset weighted_dataset(const std::vector<DatasetPart>& parts) {
  Dataset dataset;
  for (const DatasetPart& part : parts) {
    for (std::size_t i = 0; i < part.examples; ++i) {
      dataset.examples.push_back({{1, 2, 3, 4}, {1, 1, 1, 1}});
    }
  }
  dataset.parts = parts;
  return dataset;
}

/// How often each example occurs in an epoch.
Counts counts(const Dataset& dataset, bool packing, std::uint64_t seed, std::uint64_t epoch) {
  Counts out(dataset.examples.size());
  for (const Pack& pack : epoch_order(dataset, 8, packing, true, seed, epoch)) {
    for (const std::uint32_t index : pack) ++out.at(index);
  }
  return out;
}

int sum(const Counts& counts, std::size_t begin, std::size_t end) {
  int all = 0;
  for (std::size_t i = begin; i < end; ++i) all += counts.at(i);
  return all;
}

}  // namespace

TEST_CASE("a part occurs as often as its weight says, in each epoch", "[weights]") {
  const Dataset dataset = weighted_dataset({{10, 0.5}, {10, 2.5}, {4, 1}, {3, 2}, {7, 0.25}});
  for (const bool packing : {true, false}) {
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
      const Counts seen = counts(dataset, packing, 7, epoch);
      CHECK(sum(seen, 0, 10) == 5);
      CHECK(std::count(seen.begin(), seen.begin() + 10, 1) == 5);  // five different ones
      CHECK(sum(seen, 10, 20) == 25);
      CHECK(std::count(seen.begin() + 10, seen.begin() + 20, 2) == 5);
      CHECK(std::count(seen.begin() + 10, seen.begin() + 20, 3) == 5);
      CHECK(Counts(seen.begin() + 20, seen.begin() + 27) == Counts{1, 1, 1, 1, 2, 2, 2});
      CHECK(sum(seen, 27, 34) == 2);  // 1.75, rounded
    }
  }
}

TEST_CASE("each epoch draws other examples, by the seed", "[weights]") {
  const Dataset dataset = weighted_dataset({{40, 0.5}});
  CHECK(counts(dataset, true, 7, 3) == counts(dataset, true, 7, 3));
  CHECK(counts(dataset, true, 7, 3) != counts(dataset, true, 7, 4));
  CHECK(counts(dataset, true, 7, 3) != counts(dataset, true, 8, 3));
  // 1000 epochs that draw half: 500 times each, with a binomial's deviation of 16.
  Counts all(40);
  for (std::uint64_t epoch = 0; epoch < 1000; ++epoch) {
    const Counts seen = counts(dataset, false, 7, epoch);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += seen[i];
  }
  for (const int times : all) CHECK(std::abs(times - 500) < 80);
}

TEST_CASE("the draw is the same on every platform", "[weights]") {
  const Dataset dataset = weighted_dataset({{10, 0.5}, {3, 1}});
  std::vector<std::uint32_t> drawn;
  for (const Pack& pack : epoch_order(dataset, 4, false, false, 7, 1)) drawn.push_back(pack[0]);
  CHECK(drawn == std::vector<std::uint32_t>{0, 1, 2, 5, 6, 10, 11, 12});
}

TEST_CASE("a weight of 1 changes nothing", "[weights]") {
  Dataset dataset = weighted_dataset({{20, 1}, {30, 1}});
  const auto packs = epoch_order(dataset, 8, true, true, 7, 2);
  dataset.parts.clear();
  CHECK(packs == epoch_order(dataset, 8, true, true, 7, 2));
}

TEST_CASE("weights and the ends of parts are part of the fingerprint", "[weights]") {
  const Dataset dataset = weighted_dataset({{2, 0.5}, {4, 1}});
  CHECK(fingerprint(dataset) == fingerprint(weighted_dataset({{2, 0.5}, {4, 1}})));
  CHECK(fingerprint(dataset) != fingerprint(weighted_dataset({{2, 1.5}, {4, 1}})));
  CHECK(fingerprint(dataset) != fingerprint(weighted_dataset({{3, 0.5}, {3, 1}})));
}

TEST_CASE("an epoch with too many examples for an index is refused", "[weights]") {
  // A billion copies of one example would fit; a billion copies of five do not.
  expect_input_error(
      [] {
        epoch_order(weighted_dataset({{5, 1e9}}), 8, true, true, 7, 0);
      },
      {"an epoch has 5000000000 examples, at most 4294967295"});
}
