#include "training/batch_stream.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "data/packing.h"

#include <algorithm>
#include <map>

namespace expandft {
namespace {

using testing::error_of;

/// Examples whose tokens all equal the example's index, which identifies them.
Dataset numbered(const std::vector<std::size_t>& lengths) {
  Dataset dataset;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    dataset.examples.push_back({std::vector<TokenId>(lengths[i], static_cast<TokenId>(i)),
                                std::vector<std::uint8_t>(lengths[i], 1)});
  }
  return dataset;
}

Dataset mixed() {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < 37; ++i) lengths.push_back(2 + (i * 7) % 15);
  return numbered(lengths);
}

DataConfig data_of(bool packing) {
  DataConfig data;
  data.max_length = 16;
  data.packing = packing;
  return data;
}

TrainingConfig training_of(std::optional<std::int64_t> epochs, std::optional<std::int64_t> size,
                           std::optional<std::int64_t> tokens) {
  TrainingConfig training;
  training.epochs = epochs;
  if (!epochs) training.max_steps = 1000;
  training.batch_size = size;
  training.batch_tokens = tokens;
  training.micro_batch_size = 3;
  return training;
}

std::vector<TokenId> examples_of(const StepBatch& step) {
  std::vector<TokenId> out;
  for (const TokenBatch& micro_batch : step.micro_batches) {
    for (std::int64_t i = 0; i < micro_batch.sequences(); ++i) {
      out.push_back(
          micro_batch
              .ids[static_cast<std::size_t>(micro_batch.offsets[static_cast<std::size_t>(i)])]);
    }
  }
  return out;
}

TEST_CASE("every example comes once per epoch, and total_steps is right") {
  const Dataset dataset = mixed();
  const bool packing = GENERATE(true, false);
  const bool by_tokens = GENERATE(true, false);
  const std::int64_t epochs = GENERATE(1, 3);
  CAPTURE(packing, by_tokens, epochs);
  const TrainingConfig training =
      by_tokens ? training_of(epochs, {}, 50) : training_of(epochs, 4, {});
  BatchStream stream(dataset, data_of(packing), training);
  std::map<TokenId, std::int64_t> seen;
  std::int64_t steps = 0, tokens = 0;
  for (StepBatch step = stream.next(); !step.micro_batches.empty(); step = stream.next()) {
    ++steps;
    std::int64_t in_micro_batches = 0, sequences = 0;
    for (const TokenBatch& micro_batch : step.micro_batches)
      in_micro_batches += micro_batch.tokens();
    for (const TokenId example : examples_of(step)) ++seen[example], ++sequences;
    CHECK(step.tokens == in_micro_batches);
    CHECK(step.targets == in_micro_batches - sequences);
    if (by_tokens) CHECK(step.tokens <= 50);
    tokens += step.tokens;
  }
  CHECK(steps == stream.total_steps());
  REQUIRE(seen.size() == dataset.examples.size());
  for (const auto& [example, times] : seen) CHECK(times == epochs);
  std::int64_t all = 0;
  for (const Example& example : dataset.examples) all += std::ssize(example.tokens);
  CHECK(tokens == all * epochs);
  CHECK(stream.next().micro_batches.empty());
}

TEST_CASE("the stream deals exactly the tokens of the epoch's statistics") {
  Dataset dataset = mixed();
  if (GENERATE(true, false)) dataset.parts = {{17, 0.3}, {20, 1.4}};
  const DataConfig data = data_of(GENERATE(true, false));
  const TrainingConfig training = training_of(1, 4, {});
  const EpochStatistics epoch = first_epoch({dataset, data, training.seed});
  BatchStream stream(dataset, data, training);
  std::int64_t tokens = 0, targets = 0, sequences = 0;
  StreamPosition end;
  for (StepBatch step = stream.next(); !step.micro_batches.empty(); step = stream.next()) {
    tokens += step.tokens;
    targets += step.targets;
    for (const TokenBatch& micro_batch : step.micro_batches) sequences += micro_batch.sequences();
    end = stream.position();
  }
  CHECK(tokens == epoch.tokens);
  CHECK(targets == epoch.targets);
  CHECK(sequences == epoch.examples);
  CHECK(end == StreamPosition{0, static_cast<std::uint64_t>(epoch.packs)});
}

TEST_CASE("a step may span the end of an epoch") {
  const Dataset dataset = numbered({4, 4, 4, 4, 4});
  BatchStream stream(dataset, data_of(false), training_of(2, 4, {}));
  CHECK(stream.total_steps() == 3);
  CHECK(examples_of(stream.next()).size() == 4);
  CHECK(examples_of(stream.next()).size() == 4);
  CHECK(stream.position() == StreamPosition{1, 3});
  CHECK(examples_of(stream.next()).size() == 2);
}

TEST_CASE("batch_tokens is filled with short sequences too") {
  // The longest may have 16 tokens, but these have 4: five of them fit into 20.
  const Dataset dataset = numbered(std::vector<std::size_t>(10, 4));
  BatchStream stream(dataset, data_of(false), training_of(1, {}, 20));
  CHECK(stream.total_steps() == 2);
  CHECK(stream.next().tokens == 20);
  CHECK(stream.next().tokens == 20);
}

TEST_CASE("a step holds at least one pack, however small batch_tokens is") {
  const Dataset dataset = numbered({10, 10, 10});
  BatchStream stream(dataset, data_of(false), training_of(1, {}, 3));
  CHECK(stream.total_steps() == 3);
  CHECK(stream.next().tokens == 10);
}

TEST_CASE("micro-batches hold micro_batch_size packs") {
  const Dataset dataset = numbered(std::vector<std::size_t>(8, 4));
  BatchStream stream(dataset, data_of(false), training_of(1, 8, {}));
  const StepBatch step = stream.next();
  REQUIRE(step.micro_batches.size() == 3);
  CHECK(step.micro_batches[0].sequences() == 3);
  CHECK(step.micro_batches[2].sequences() == 2);
}

TEST_CASE("gradient_accumulation_steps says how many micro-batches a rank's part of a step has") {
  const Dataset dataset = numbered(std::vector<std::size_t>(8, 4));
  TrainingConfig training = training_of(1, 8, {});
  training.micro_batch_size.reset();
  training.gradient_accumulation_steps = 2;
  for (const int ranks : {1, 2, 4}) {
    BatchStream stream(dataset, data_of(false), training, {0, ranks});
    const StepBatch step = stream.next();
    REQUIRE(step.micro_batches.size() == 2);
    CHECK(step.most_micro_batches == 2);
    CHECK(step.micro_batches[1].sequences() == 4 / ranks);
  }
}

TEST_CASE("after seeking a position a stream deals the same as one that was read up to it") {
  const Dataset dataset = mixed();
  const TrainingConfig training =
      GENERATE(training_of({}, 4, {}), training_of({}, {}, 50), training_of(9, 5, {}));
  BatchStream walked(dataset, data_of(true), training);
  for (int i = 0; i < 12; ++i) walked.next();
  BatchStream sought(dataset, data_of(true), training);
  sought.seek(walked.position());
  for (int i = 0; i < 12; ++i) CHECK(examples_of(sought.next()) == examples_of(walked.next()));
  CHECK(sought.position() == walked.position());
}

TEST_CASE("steps_left is right at every position") {
  const Dataset dataset = mixed();
  for (const auto& [size, tokens] :
       {std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>{4, {}}, {{}, 40}}) {
    BatchStream stream(dataset, data_of(true), training_of(3, size, tokens));
    for (std::int64_t left = stream.total_steps(); left > 0; --left) {
      CHECK(stream.steps_left() == left);
      stream.next();
    }
    CHECK(stream.steps_left() == 0);
  }
  CHECK(BatchStream(dataset, data_of(true), training_of({}, 4, {})).steps_left() == -1);
}

TEST_CASE("the start of the epoch after the last is the end") {
  const Dataset dataset = mixed();
  BatchStream stream(dataset, data_of(true), training_of(2, 4, {}));
  stream.seek({2, 0});
  CHECK(stream.steps_left() == 0);
  CHECK(stream.next().micro_batches.empty());
  CHECK(stream.position().epoch == 1);
  error_of([&] { stream.seek({2, 1}); });
  error_of([&] { stream.seek({3, 0}); });
}

TEST_CASE("weights count in the number of steps, and in a resumed stream") {
  Dataset dataset = mixed();
  dataset.parts = {{.examples = 17, .weight = 0.3}, {.examples = 20, .weight = 1.4}};
  const bool by_tokens = GENERATE(true, false);
  const TrainingConfig training = by_tokens ? training_of(3, {}, 50) : training_of(3, 4, {});
  BatchStream stream(dataset, data_of(true), training);
  std::int64_t steps = 0, examples = 0;
  std::vector<StreamPosition> positions;
  std::vector<std::vector<TokenId>> dealt;
  for (StepBatch step = stream.next(); !step.micro_batches.empty(); step = stream.next()) {
    ++steps;
    dealt.push_back(examples_of(step));
    positions.push_back(stream.position());
    examples += std::ssize(dealt.back());
  }
  CHECK(steps == stream.total_steps());
  CHECK(examples == 3 * (5 + 28));
  for (std::size_t i = 0; i + 1 < positions.size(); ++i) {
    BatchStream resumed(dataset, data_of(true), training);
    resumed.seek(positions[i]);
    CHECK(examples_of(resumed.next()) == dealt[i + 1]);
  }
}

TEST_CASE("another epoch or seed has another order") {
  const Dataset dataset = mixed();
  TrainingConfig training = training_of(2, 37, {});
  BatchStream stream(dataset, data_of(false), training);
  const auto first = examples_of(stream.next()), second = examples_of(stream.next());
  CHECK(first != second);
  ++training.seed;
  CHECK(examples_of(BatchStream(dataset, data_of(false), training).next()) != first);
}

TEST_CASE("a position that does not exist is refused") {
  const Dataset dataset = numbered({4, 4, 4});
  BatchStream stream(dataset, data_of(false), training_of(2, 1, {}));
  const StreamPosition position =
      GENERATE(StreamPosition{0, 4}, StreamPosition{1, 4}, StreamPosition{3, 0});
  const Error error = error_of([&] { stream.seek(position); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.message(), has_text("no pack " + std::to_string(position.pack)));
  CHECK(stream.position() == StreamPosition{0, 0});
  CHECK(examples_of(stream.next()).size() == 1);
  stream.seek({1, 3});
  CHECK(stream.next().micro_batches.empty());
}

}  // namespace
}  // namespace expandft
