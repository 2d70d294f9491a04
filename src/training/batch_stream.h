#pragma once

#include "config/run_config.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/packed_epochs.h"

#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

namespace expandft {

/// A place in the endless stream of packs: `pack` packs of `epoch` are behind us.
struct StreamPosition {
  std::uint64_t epoch = 0, pack = 0;
  bool operator==(const StreamPosition&) const = default;
};

/// Examples (indices into Dataset::examples) that are computed at once, in order.
using ExampleGroup = std::vector<std::uint32_t>;

/// One optimizer step's data, or a rank's share of it, in pieces that are computed one after the
/// other.
struct StepBatch {
  std::vector<TokenBatch> micro_batches;
  std::vector<ExampleGroup> examples;    // of each piece
  std::int64_t tokens = 0, targets = 0;  // of the whole step
  std::int64_t most_pieces = 0;          // that a rank has
};

/// Which of `count` equal parts of each step a stream gives.
struct StreamShare {
  int index = 0, count = 1;

  /// Neighbours, one more or less.
  template <typename Item>
  std::vector<Item> of(const std::vector<Item>& all) const {
    const auto bound = [&](int part) { return std::ssize(all) * part / count; };
    return {all.begin() + bound(index), all.begin() + bound(index + 1)};
  }
  /// The largest part of so many.
  std::int64_t largest(std::int64_t all) const { return (all + count - 1) / count; }
};

/// The tokens of a group.
TokenBatch batch_of(const Dataset& dataset, const ExampleGroup& examples);

/// Deals the data set out in steps, epoch after epoch, in an order that depends on the seed alone.
/// A step may span the end of an epoch. With training.epochs the stream ends after so many, and the
/// last step may be smaller; with training.max_steps it does not end. Several ranks see the same
/// steps, and each computes its share of their packs: neighbours, one more or less.
class BatchStream {
 public:
  /// Of epochs that it shares with others.
  BatchStream(std::shared_ptr<const PackedEpochs> epochs, const TrainingConfig& training,
              StreamShare share = {});
  /// The data set must outlive the stream.
  BatchStream(const Dataset& dataset, const DataConfig& data, const TrainingConfig& training,
              StreamShare share = {});

  /// Without tokens (of the whole step) at the end of the stream.
  StepBatch next();
  /// The examples of the pieces alone; of the whole step, whatever the share.
  std::vector<ExampleGroup> next_examples();
  StreamPosition position() const { return position_; }
  /// Input error when the order of that epoch has no such place, or the stream no such epoch. The
  /// beginning of the epoch past the last is the stream's end.
  void seek(StreamPosition position);
  /// training.max_steps, or the steps that training.epochs take.
  std::int64_t total_steps() const;
  /// Steps from the position to the end; of a stream that does not end, -1.
  std::int64_t steps_left() const;

 private:
  std::vector<Pack> next_packs();
  std::vector<ExampleGroup> pieces_of(const std::vector<Pack>& packs) const;
  /// Whether a step of so many packs and tokens takes one more pack. A step holds at least one.
  bool takes(std::int64_t packs, std::int64_t tokens, const Pack& pack) const;
  bool is_last(std::uint64_t epoch) const;
  std::int64_t tokens_of(const Pack& pack) const;
  std::int64_t steps_from(StreamPosition position) const;

  const Dataset& dataset() const { return epochs_->dataset(); }

  std::shared_ptr<const PackedEpochs> epochs_;
  TrainingConfig training_;
  StreamShare share_;
  StreamPosition position_;
  PackedEpochs::Packs order_;  // of position_.epoch
};

}  // namespace expandft
