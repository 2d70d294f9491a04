#include "training/prefix_layout.h"

#include <iterator>
#include <utility>

namespace expandft {

PrefixLayout::PrefixLayout(const Dataset& dataset, std::vector<ExampleGroup> groups,
                           std::uint64_t token_bytes, std::uint64_t limit)
    : groups_(std::move(groups)),
      places_(dataset.examples.size(), Place{.begin = 0, .group = kNotKept}) {
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    for (const std::uint32_t example : groups_[g]) {
      Place& place = places_[example];
      if (place.group != kNotKept) continue;
      const auto length = static_cast<std::uint64_t>(dataset.examples.length(example));
      const std::uint64_t size = length * token_bytes;
      if (size > limit - bytes_) {  // no smaller one either: what comes later is not looked at
        groups_.resize(g + 1);
        return;
      }
      place = {.begin = bytes_, .group = g};
      bytes_ += size;
      ++kept_;
    }
  }
}

std::optional<PrefixLayout::Place> PrefixLayout::find(std::uint32_t example) const {
  const Place& place = places_[example];
  return place.group == kNotKept ? std::nullopt : std::optional(place);
}

std::vector<ExampleGroup> first_epoch_groups(BatchStream stream) {
  std::vector<ExampleGroup> groups;
  while (stream.position().epoch == 0) {
    std::vector<ExampleGroup> step = stream.next_examples();
    if (step.empty()) break;
    groups.insert(groups.end(), std::make_move_iterator(step.begin()),
                  std::make_move_iterator(step.end()));
  }
  return groups;
}

}  // namespace expandft
