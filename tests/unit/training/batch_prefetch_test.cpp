#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "training/batch_stream.h"

namespace expandft {
namespace {

using testing::error_of;

Dataset sequences(std::size_t count) {
  Dataset dataset;
  for (std::size_t i = 0; i < count; ++i) {
    dataset.examples.push_back({std::vector<TokenId>(2 + i % 5, static_cast<TokenId>(i)),
                                std::vector<std::uint8_t>(2 + i % 5, 1)});
  }
  return dataset;
}

TrainingConfig three_epochs() {
  TrainingConfig training;
  training.epochs = 3;
  training.batch_size = 4;
  training.micro_batch_size = 2;
  return training;
}

DataConfig short_sequences() {
  DataConfig data;
  data.max_length = 8;
  return data;
}

TEST_CASE("prefetched steps are the stream's, with the positions after them") {
  const Dataset dataset = sequences(31);
  BatchStream plain(dataset, short_sequences(), three_epochs());
  BatchStream ahead(dataset, short_sequences(), three_epochs());
  plain.next();
  ahead.next();  // as a resumed run begins
  BatchPrefetch prefetch(ahead);
  CHECK(prefetch.position() == plain.position());
  while (true) {
    const StepBatch expected = plain.next(), step = prefetch.next();
    CHECK(step.examples == expected.examples);
    CHECK(step.tokens == expected.tokens);
    CHECK(prefetch.position() == plain.position());
    REQUIRE(step.micro_batches.size() == expected.micro_batches.size());
    for (std::size_t i = 0; i < step.micro_batches.size(); ++i) {
      CHECK(step.micro_batches[i].ids == expected.micro_batches[i].ids);
    }
    if (step.micro_batches.empty()) break;
  }
  CHECK(prefetch.next().micro_batches.empty());  // the stream stays at its end
}

TEST_CASE("an error while a step is prefetched is thrown when that step is requested") {
  Dataset dataset = sequences(31);
  BatchStream stream(dataset, short_sequences(), three_epochs());
  // The first epoch is packed already; packing the next one fails on an example that is too long.
  dataset.examples.push_back({std::vector<TokenId>(9, 1), std::vector<std::uint8_t>(9, 1)});
  BatchPrefetch prefetch(stream);
  const Error error = error_of([&] {
    while (!prefetch.next().micro_batches.empty()) {
    }
  });
  CHECK(error.where() == "data.max_length");
  CHECK(prefetch.position().epoch == 0);
}

}  // namespace
}  // namespace expandft
