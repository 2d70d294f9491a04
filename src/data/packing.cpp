#include "data/packing.h"

#include "base/error.h"
#include "data/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace expandft {
namespace {

constexpr std::size_t kOpenPacks = 256;  // the window: packs that can still take examples

struct OpenPack {
  std::size_t pack = 0;
  std::int64_t room = 0;
};

std::int64_t epoch_size(const Dataset& dataset) {
  if (dataset.parts.empty()) return static_cast<std::int64_t>(dataset.examples.size());
  return std::accumulate(
      dataset.parts.begin(), dataset.parts.end(), std::int64_t{0},
      [](std::int64_t sum, const DatasetPart& part) { return sum + drawn_examples(part); });
}

// The examples of an epoch, in the order of the data. What a weight draws beyond whole copies is
// selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
std::vector<std::uint32_t> examples_of_epoch(const Dataset& dataset, std::uint64_t seed,
                                             std::uint64_t epoch) {
  std::vector<std::uint32_t> order;
  order.reserve(static_cast<std::size_t>(epoch_size(dataset)));
  const auto append_all = [&](std::uint32_t begin, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) order.push_back(begin + i);
  };
  if (dataset.parts.empty()) {
    append_all(0, static_cast<std::uint32_t>(dataset.examples.size()));
    return order;
  }
  constexpr std::uint64_t kPurpose = std::uint64_t{2}
                                     << 32;  // differs from the streams of the shuffles
  Random random(seed, kPurpose + epoch);
  std::uint32_t begin = 0;
  for (const DatasetPart& part : dataset.parts) {
    const auto count = static_cast<std::uint32_t>(part.examples);
    auto left = static_cast<std::uint64_t>(drawn_examples(part));
    for (; count > 0 && left >= count; left -= count) append_all(begin, count);
    for (std::uint32_t i = 0; left > 0; ++i) {
      if (random.below(count - i) >= left) continue;
      order.push_back(begin + i);
      --left;
    }
    begin += count;
  }
  return order;
}

// First fit: each example goes into the oldest open pack with room for it. When the window is full,
// the pack with the least room is closed.
std::vector<Pack> pack_first_fit(const Dataset& dataset, const std::vector<std::uint32_t>& order,
                                 std::int64_t max_length) {
  std::vector<Pack> packs;
  std::vector<OpenPack> open;
  for (const std::uint32_t index : order) {
    const std::int64_t length = dataset.examples.length(index);
    const auto fit = std::find_if(open.begin(), open.end(),
                                  [&](const OpenPack& pack) { return pack.room >= length; });
    if (fit != open.end()) {
      packs[fit->pack].push_back(index);
      fit->room -= length;
      if (fit->room == 0) open.erase(fit);
      continue;
    }
    packs.push_back({index});
    if (length == max_length) continue;
    if (open.size() == kOpenPacks) {
      open.erase(std::min_element(open.begin(), open.end(),
                                  [](const auto& a, const auto& b) { return a.room < b.room; }));
    }
    open.push_back({packs.size() - 1, max_length - length});
  }
  return packs;
}

std::size_t bytes_of_packs(const std::vector<Pack>& packs) {
  constexpr std::size_t kAllocation = 16;  // overhead of each allocation
  std::size_t bytes = packs.size() * (sizeof(Pack) + kAllocation);
  for (const Pack& pack : packs) bytes += pack.capacity() * sizeof(Pack::value_type);
  return bytes;
}

}  // namespace

std::int64_t drawn_examples(const DatasetPart& part) {
  return std::llround(part.weight * static_cast<double>(part.examples));
}

std::vector<Pack> epoch_order(const Dataset& dataset, std::int64_t max_length, bool packing,
                              bool shuffle, std::uint64_t seed, std::uint64_t epoch) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const std::int64_t size =
      std::max(static_cast<std::int64_t>(dataset.examples.size()), epoch_size(dataset));
  if (size > kMost) {
    throw input_error("an epoch has " + std::to_string(size) + " examples, at most " +
                      std::to_string(kMost) + " are possible");
  }
  for (std::uint32_t index = 0; index < dataset.examples.size(); ++index) {
    if (dataset.examples.length(index) > max_length) {
      throw input_error("example " + std::to_string(index) + " has " +
                            std::to_string(dataset.examples.length(index)) +
                            " tokens, more than max_length " + std::to_string(max_length),
                        "data.max_length");
    }
  }
  std::vector<std::uint32_t> order = examples_of_epoch(dataset, seed, epoch);
  Random random(seed, epoch);
  if (shuffle) random.shuffle(order);
  std::vector<Pack> packs;
  if (packing) {
    packs = pack_first_fit(dataset, order, max_length);
    if (shuffle) random.shuffle(packs);  // else the last packs would hold the odd lengths
  } else {
    for (const std::uint32_t index : order) packs.push_back({index});
  }
  return packs;
}

PackedEpochs::PackedEpochs(const Dataset& dataset, const DataConfig& data, std::uint64_t seed,
                           std::size_t memory_limit)
    : dataset_(dataset),
      max_length_(data.max_length),
      packing_(data.packing),
      seed_(seed),
      memory_limit_(memory_limit) {}

PackedEpochs::Packs PackedEpochs::of(std::uint64_t epoch) const {
  const std::scoped_lock lock(mutex_);
  if (const auto known = kept_.find(epoch); known != kept_.end()) return known->second;
  Packs packs = std::make_shared<const std::vector<Pack>>(
      epoch_order(dataset_, max_length_, packing_, /*shuffle=*/true, seed_, epoch));
  const std::size_t bytes = bytes_of_packs(*packs);
  if (kept_bytes_ + bytes <= memory_limit_) {
    kept_.emplace(epoch, packs);
    kept_bytes_ += bytes;
  }
  return packs;
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
