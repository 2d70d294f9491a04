#include "training/prefix_cache.h"

#include "base/error.h"
#include "base/hash.h"

#include <map>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// The bytes of a contiguous tensor on the CPU.
std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace

PrefixCache::PrefixCache(const Decoder& decoder, std::int64_t layers, const Dataset& dataset,
                         PrefixLayout layout, ScratchSpace space)
    : decoder_(decoder),
      layers_(layers),
      dataset_(dataset),
      layout_(std::move(layout)),
      space_(std::move(space)),
      is_kept_(dataset.examples.size()) {
  if (space_->is_on_disk()) hashes_.resize(dataset.examples.size());
}

at::Tensor PrefixCache::compute(const ExampleGroup& examples) const {
  return decoder_.states_before(layers_, to_device(batch_of(dataset_, examples), decoder_.device()))
      .cpu()
      .contiguous();
}

std::optional<PrefixLayout::Place> PrefixCache::find(std::uint32_t example) const {
  return space_ ? layout_.find(example) : std::nullopt;
}

bool PrefixCache::load(std::uint32_t example, std::uint64_t begin, at::Tensor rows) try {
  if (!is_kept_[example]) return false;
  space_->read(begin, bytes_of(rows));
  if (!hashes_.empty() && hash64(bytes_of(rows)) != hashes_[example]) {
    throw failure("the cached states of a sequence are damaged");
  }
  ++hits_;
  return true;
} catch (const Error& error) {
  if (!is_damage_told_) {
    spdlog::warn("{}; such states are computed again, without a further warning", error.message());
  }
  is_damage_told_ = true;
  is_kept_[example] = 0;
  return false;
}

void PrefixCache::keep(const ExampleGroup& group, std::uint32_t index,
                       const at::Tensor& states) try {
  std::int64_t row = 0;
  for (const std::uint32_t example : group) {
    const at::Tensor rows = states.narrow(0, row, length(example));
    row += length(example);
    const auto place = layout_.find(example);
    if (!place || place->group != index || is_kept_[example]) continue;
    space_->write(place->begin, bytes_of(rows));
    if (!hashes_.empty()) hashes_[example] = hash64(bytes_of(rows));
    is_kept_[example] = 1;
  }
} catch (const Error& error) {
  spdlog::warn("{}; the states of the frozen layers are computed anew from here on",
               error.message());
  space_.reset();
}

at::Tensor PrefixCache::states(const ExampleGroup& examples) {
  std::int64_t tokens = 0;
  for (const std::uint32_t example : examples) tokens += length(example);
  // Pinned for a GPU, so that nobody waits for the copy.
  const auto options =
      at::TensorOptions().dtype(decoder_.dtype()).pinned_memory(decoder_.device().is_cuda());
  const at::Tensor out = at::empty({tokens, decoder_.spec().hidden}, options);
  std::map<std::uint32_t, at::Tensor> computed;  // groups
  ExampleGroup rest;                             // what is not kept
  std::vector<at::Tensor> rest_rows;
  std::int64_t row = 0;
  for (const std::uint32_t example : examples) {
    const at::Tensor rows = out.narrow(0, row, length(example));
    row += length(example);
    const auto place = find(example);
    if (!place) {
      rest.push_back(example);
      rest_rows.push_back(rows);
      continue;
    }
    const auto known = computed.find(place->group);
    if (known == computed.end() && load(example, place->begin, rows)) continue;
    const ExampleGroup& group = layout_.group(place->group);
    const at::Tensor& of_group =
        known != computed.end() ? known->second : (computed[place->group] = compute(group));
    if (known == computed.end()) keep(group, place->group, of_group);
    std::int64_t before = 0;
    for (const std::uint32_t other : group) {
      if (other == example) break;
      before += length(other);
    }
    rows.copy_(of_group.narrow(0, before, length(example)));
  }
  if (!rest.empty()) {
    const at::Tensor found = compute(rest);
    std::int64_t before = 0;
    for (const at::Tensor& rows : rest_rows) {
      rows.copy_(found.narrow(0, before, rows.size(0)));
      before += rows.size(0);
    }
  }
  return out.to(decoder_.device(), /*non_blocking=*/true);
}

}  // namespace expandft
