#include "data/packed_epochs.h"

#include "catch.h"

#include <future>

using namespace expandft;

namespace {

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

TEST_CASE("epochs are packed as epoch_order says, once for all who ask", "[packing]") {
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

TEST_CASE("epochs that take too much memory are packed anew, the first ones kept", "[packing]") {
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
