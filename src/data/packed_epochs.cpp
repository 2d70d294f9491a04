#include "data/packed_epochs.h"

#include <utility>

namespace expandft {
namespace {

std::size_t bytes_of_packs(const std::vector<Pack>& packs) {
  constexpr std::size_t kAllocation = 16;  // what the system adds to each
  std::size_t bytes = packs.size() * (sizeof(Pack) + kAllocation);
  for (const Pack& pack : packs) bytes += pack.capacity() * sizeof(Pack::value_type);
  return bytes;
}

}  // namespace

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

}  // namespace expandft
