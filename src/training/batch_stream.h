#pragma once

#include "config/run_config.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/packing.h"

#include <cstdint>
#include <future>
#include <iterator>
#include <memory>
#include <vector>

namespace expandft {

/// A position in the stream of packs: the first `pack` packs of `epoch` have been dealt.
struct StreamPosition {
  std::uint64_t epoch = 0, pack = 0;
  bool operator==(const StreamPosition&) const = default;
};

/// Examples (indices into Dataset::examples) that are computed together, in this order.
using ExampleGroup = std::vector<std::uint32_t>;

/// The data of one optimizer step, or one rank's share of it, in micro-batches.
struct StepBatch {
  std::vector<TokenBatch> micro_batches;
  std::vector<ExampleGroup> examples;    // of each micro-batch
  std::int64_t tokens = 0, targets = 0;  // of the whole step, on all ranks together
  std::int64_t most_micro_batches = 0;   // of the rank that has the most
};

/// One of `count` nearly equal shares of each step.
struct StreamShare {
  int index = 0, count = 1;

  /// This share of a list: consecutive items. Shares differ by at most one item.
  template <typename Item>
  std::vector<Item> of(const std::vector<Item>& all) const {
    const auto bound = [&](int part) { return std::ssize(all) * part / count; };
    return {all.begin() + bound(index), all.begin() + bound(index + 1)};
  }
  /// The size of the largest share of `all` items.
  std::int64_t largest(std::int64_t all) const { return (all + count - 1) / count; }
};

/// The examples' sequences end to end.
TokenBatch batch_of(const Dataset& dataset, const ExampleGroup& examples);

/// Deals out the data set step by step, epoch after epoch, in an order that depends only on the
/// seed. A step may span the end of an epoch. With training.epochs the stream ends after that many
/// epochs, and its last step may be smaller; with training.max_steps it has no end. All ranks see
/// the same steps, and each gets its own share of a step's packs.
class BatchStream {
 public:
  BatchStream(std::shared_ptr<const PackedEpochs> epochs, const TrainingConfig& training,
              StreamShare share = {});
  /// The data set must outlive the stream.
  BatchStream(const Dataset& dataset, const DataConfig& data, const TrainingConfig& training,
              StreamShare share = {});

  /// The next step. At the end of the stream its `tokens` are 0.
  StepBatch next();
  /// Moves on like next(), but gives only the examples of each micro-batch, and those of the whole
  /// step whatever the share.
  std::vector<ExampleGroup> next_examples();
  StreamPosition position() const { return position_; }
  /// Input error when the data has no such epoch or pack. The start of the epoch after the last is
  /// the end of the stream.
  void seek(StreamPosition position);
  /// training.max_steps, or the number of steps in training.epochs.
  std::int64_t total_steps() const;
  /// Steps from the position to the end; -1 for a stream without an end.
  std::int64_t steps_left() const;

 private:
  std::vector<Pack> next_packs();
  std::vector<ExampleGroup> micro_batches_of(const std::vector<Pack>& packs) const;
  /// Whether a step that holds `packs` packs of `tokens` tokens has room for one more.
  bool takes(std::int64_t packs, std::int64_t tokens, const Pack& pack) const;
  bool is_last(std::uint64_t epoch) const;
  std::int64_t tokens_of(const Pack& pack) const;
  std::int64_t steps_from(StreamPosition position) const;

  const Dataset& dataset() const { return epochs_->dataset(); }

  std::shared_ptr<const PackedEpochs> epochs_;
  TrainingConfig training_;
  StreamShare share_;
  std::int64_t at_once_;  // packs of a micro-batch
  StreamPosition position_;
  PackedEpochs::Packs order_;  // of position_.epoch
};

/// Reads a stream one step ahead: a thread prepares the next step while this one is computed.
class BatchPrefetch {
 public:
  /// The stream must outlive the prefetch, and nothing else may move it meanwhile.
  explicit BatchPrefetch(BatchStream& stream) : stream_(stream), position_(stream.position()) {}

  /// As BatchStream::next; rethrows what that threw in the thread.
  StepBatch next();
  /// The position after the last step that next() returned.
  StreamPosition position() const { return position_; }

 private:
  struct Prepared {
    StepBatch step;
    StreamPosition position;  // after the step
  };
  void prepare();

  BatchStream& stream_;
  StreamPosition position_;
  std::future<Prepared> prepared_;  // its destructor waits for the thread
};

}  // namespace expandft
