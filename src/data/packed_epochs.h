#pragma once

#include "config/run_config.h"
#include "data/dataset.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace expandft {

/// The packs of a data set's epochs, in the order of training. Statistics, schedule, caches and
/// training ask for the same ones: each is packed once, and kept for the others. Threads may share
/// it.
class PackedEpochs {
 public:
  using Packs = std::shared_ptr<const std::vector<Pack>>;
  static constexpr std::size_t kMemoryLimit = std::size_t{32} << 20;

  /// The data set must outlive it, and stay as it is. Epochs are kept, the first ones asked for
  /// first, up to `memory_limit` bytes; later ones are packed whenever they are asked for.
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

}  // namespace expandft
