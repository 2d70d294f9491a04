#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace expandft {

/// Examples that are laid end to end in training (indices into Dataset::examples).
using Pack = std::vector<std::uint32_t>;

/// Examples of the part in each epoch: weight times its examples, rounded.
std::int64_t drawn_examples(const DatasetPart& part);

/// The packs of one epoch, in order. Each part contributes drawn_examples, and what its weight
/// draws beyond whole copies is drawn without replacement by (seed, epoch). With `shuffle` the
/// order is random by (seed, epoch) too. With `packing` the examples of a pack have at most
/// max_length tokens together (first fit over a bounded window, so that the order stays random);
/// else each pack is one example. Deterministic on every platform. Input error for an example
/// longer than max_length.
std::vector<Pack> epoch_order(const Dataset& dataset, std::int64_t max_length, bool packing,
                              bool shuffle, std::uint64_t seed, std::uint64_t epoch);

/// The packs of a data set's epochs, in the order of training. Statistics, schedule, caches and
/// training need the same ones, so each epoch is packed once and cached. Threads may share it.
class PackedEpochs {
 public:
  using Packs = std::shared_ptr<const std::vector<Pack>>;
  static constexpr std::size_t kMemoryLimit = std::size_t{32} << 20;

  /// The data set must outlive the object and not change. Epochs are cached until they take
  /// `memory_limit` bytes; each later one is packed again whenever it is needed.
  PackedEpochs(const Dataset& dataset, const DataConfig& data, std::uint64_t seed,
               std::size_t memory_limit = kMemoryLimit);

  /// As epoch_order, shuffled.
  Packs of(std::uint64_t epoch) const;

  const Dataset& dataset() const { return dataset_; }
  std::int64_t max_length() const { return max_length_; }

 private:
  const Dataset& dataset_;
  std::int64_t max_length_;
  bool packing_;
  std::uint64_t seed_;
  std::size_t memory_limit_;
  mutable std::mutex mutex_;
  mutable std::map<std::uint64_t, Packs> kept_;
  mutable std::size_t kept_bytes_ = 0;
};

/// The size of one epoch.
struct EpochStatistics {
  std::int64_t examples = 0, tokens = 0, targets = 0;
  std::int64_t packs = 0;
  std::int64_t max_length = 0;

  /// tokens / (packs × max_length). Packs are not padded, so the rest costs nothing: this measures
  /// how even the packs are.
  double packing_efficiency() const;
};

/// The first epoch of training. Where sources have weights, other epochs draw other examples, whose
/// lengths may differ.
EpochStatistics first_epoch(const PackedEpochs& epochs);

}  // namespace expandft
