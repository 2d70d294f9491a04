#pragma once

#include "data/packed_epochs.h"

#include <cstdint>

namespace expandft {

/// Lengths of examples, in tokens. A quantile is the least length that so many of them do not pass.
struct LengthStatistics {
  std::int64_t least = 0, median = 0, percent_90 = 0, percent_99 = 0, most = 0;
  bool operator==(const LengthStatistics&) const = default;
};

/// Of the examples [begin, begin + count); exact. All zero without examples.
LengthStatistics length_statistics(const ExampleStore& examples, std::size_t begin,
                                   std::size_t count);

/// What one epoch deals out.
struct EpochStatistics {
  std::int64_t examples = 0, tokens = 0, targets = 0;
  std::int64_t packs = 0;  // sequences after packing
  std::int64_t max_length = 0;

  /// The share of the packs' room that tokens fill: tokens / (packs × max_length). Sequences are
  /// not padded, so the rest costs nothing; it tells how even the packs are.
  double packing_efficiency() const;
};

/// The first epoch of training. Where sources have weights, others may differ from it by the
/// lengths of the examples that they draw.
EpochStatistics first_epoch(const PackedEpochs& epochs);

}  // namespace expandft
