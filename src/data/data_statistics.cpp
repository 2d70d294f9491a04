#include "data/data_statistics.h"

#include <algorithm>
#include <vector>

namespace expandft {

LengthStatistics length_statistics(const ExampleStore& examples, std::size_t begin,
                                   std::size_t count) {
  if (count == 0) return {};
  std::vector<std::int64_t> lengths(count);
  for (std::size_t i = 0; i < count; ++i) lengths[i] = examples.length(begin + i);
  std::sort(lengths.begin(), lengths.end());
  const auto quantile = [&](std::size_t percent) {
    return lengths[(count * percent + 99) / 100 - 1];
  };
  return {lengths.front(), quantile(50), quantile(90), quantile(99), lengths.back()};
}

double EpochStatistics::packing_efficiency() const {
  const double room = static_cast<double>(packs) * static_cast<double>(max_length);
  return room > 0 ? static_cast<double>(tokens) / room : 0;
}

EpochStatistics first_epoch(const PackedEpochs& epochs) {
  const ExampleStore& examples = epochs.dataset().examples;
  EpochStatistics epoch{.max_length = epochs.max_length()};
  const PackedEpochs::Packs packs = epochs.of(0);
  for (const Pack& pack : *packs) {
    ++epoch.packs;
    for (const std::uint32_t example : pack) {
      ++epoch.examples;
      epoch.tokens += examples.length(example);
      epoch.targets += examples.targets(example);
    }
  }
  return epoch;
}

}  // namespace expandft
