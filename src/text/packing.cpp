#include "base/error.h"
#include "text/dataset.h"
#include "text/random.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace expandft {
namespace {

constexpr std::size_t kOpenPacks = 256;  // the window: packs that may still take examples

struct OpenPack {
  std::size_t pack = 0;
  std::int64_t room = 0;
};

std::int64_t length_of(const Dataset& dataset, std::uint32_t index) {
  return static_cast<std::int64_t>(dataset.examples[index].tokens.size());
}

// First fit: each example goes into the oldest open pack with room for it. When the window is
// full, the pack with the least room left is closed.
std::vector<Pack> pack_first_fit(const Dataset& dataset, const std::vector<std::uint32_t>& order,
                                 std::int64_t max_length) {
  std::vector<Pack> packs;
  std::vector<OpenPack> open;
  for (const std::uint32_t index : order) {
    const std::int64_t length = length_of(dataset, index);
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

}  // namespace

std::vector<Pack> epoch_order(const Dataset& dataset, std::int64_t max_length, bool packing,
                              bool shuffle, std::uint64_t seed, std::uint64_t epoch) {
  if (dataset.examples.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw input_error("the data set has " + std::to_string(dataset.examples.size()) +
                      " examples, at most " +
                      std::to_string(std::numeric_limits<std::uint32_t>::max()) + " are possible");
  }
  std::vector<std::uint32_t> order(dataset.examples.size());
  std::iota(order.begin(), order.end(), 0u);
  for (const std::uint32_t index : order) {
    if (length_of(dataset, index) > max_length) {
      throw input_error("example " + std::to_string(index) + " has " +
                            std::to_string(length_of(dataset, index)) +
                            " tokens, more than max_length " + std::to_string(max_length),
                        "data.max_length");
    }
  }
  Random random(seed, epoch);
  if (shuffle) random.shuffle(order);
  std::vector<Pack> packs;
  if (packing) {
    packs = pack_first_fit(dataset, order, max_length);
    if (shuffle) random.shuffle(packs);  // else late packs would hold the odd lengths
  } else {
    for (const std::uint32_t index : order) packs.push_back({index});
  }
  return packs;
}

}  // namespace expandft
