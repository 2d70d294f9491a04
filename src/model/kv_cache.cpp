#include "model/kv_cache.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace expandft {
namespace {

void store(at::Tensor& room, std::int64_t length, const at::Tensor& added) {
  const std::int64_t needed = length + added.size(0);
  if (!room.defined() || room.size(0) < needed) {
    at::Tensor larger = at::empty(
        {std::max<std::int64_t>(64, 2 * needed), added.size(1), added.size(2)}, added.options());
    if (length > 0) larger.narrow(0, 0, length).copy_(room.narrow(0, 0, length));
    room = larger;
  }
  room.narrow(0, length, added.size(0)).copy_(added);
}

}  // namespace

KvCache::View KvCache::append(std::int64_t layer, const at::Tensor& keys,
                              const at::Tensor& values) {
  View& room = layers_[static_cast<std::size_t>(layer)];
  store(room.keys, length_, keys);
  store(room.values, length_, values);
  return appended(layer, keys.size(0));
}

KvCache::View KvCache::appended(std::int64_t layer, std::int64_t n) const {
  const View& room = layers_[static_cast<std::size_t>(layer)];
  return {room.keys.narrow(0, 0, length_ + n), room.values.narrow(0, 0, length_ + n)};
}

BatchCache::BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t capacity,
                       const at::TensorOptions& options)
    : reads_rows_(uses_rows(at::empty({0}, options), spec.attention_softcap)) {
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const AttentionKind& kind = spec.attention(i);
    const std::int64_t heads = spec.shares_keys(i) ? 0 : kind.kv_heads;  // of its own
    for (auto* all : {&keys_, &values_}) {
      all->push_back(at::empty({sequences, capacity, heads, kind.head_dim}, options));
    }
  }
  places_.resize(static_cast<std::size_t>(sequences));
  std::iota(places_.begin(), places_.end(), std::int64_t{0});
  set_lengths(std::vector<std::int64_t>(static_cast<std::size_t>(sequences), 0));
}

std::int64_t BatchCache::longest() const {
  return std::ranges::max(lengths_);
}

void BatchCache::set_lengths(std::vector<std::int64_t> lengths) {
  lengths_ = std::move(lengths);
  positions_ = at::tensor(lengths_, at::kLong).to(keys_.front().device());
}

void BatchCache::fill(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values,
                      const std::vector<std::int64_t>& offsets) {
  const auto of = static_cast<std::size_t>(layer);
  const at::Tensor& k = keys_[of];
  const at::Tensor& v = values_[of];
  if (!reads_rows_) {
    // No token attends to what follows the end of its sequence, but with a mask a weight of 0 times
    // NaN is NaN, so the unused part is set to zero.
    k.zero_();
    v.zero_();
  }
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    k.select(0, places_[i]).narrow(0, 0, length).copy_(keys.narrow(0, offsets[i], length));
    v.select(0, places_[i]).narrow(0, 0, length).copy_(values.narrow(0, offsets[i], length));
  }
}

void BatchCache::filled(const std::vector<std::int64_t>& offsets) {
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    lengths.push_back(offsets[i + 1] - offsets[i]);
  }
  set_lengths(std::move(lengths));
}

void BatchCache::make_room() {
  const std::int64_t full = capacity();
  if (longest() < full) return;
  for (auto* all : {&keys_, &values_}) {
    for (at::Tensor& room : *all) {
      std::vector<std::int64_t> sizes = room.sizes().vec();
      sizes[1] = 2 * full;
      const at::Tensor larger = at::zeros(sizes, room.options());
      larger.narrow(1, 0, full).copy_(room);
      room = larger;
    }
  }
}

BatchCache::View BatchCache::append(std::int64_t layer, const at::Tensor& keys,
                                    const at::Tensor& values) {
  const at::Tensor places = at::tensor(places_, positions_.options());
  const auto put = [&](std::vector<at::Tensor>& all, const at::Tensor& newest) {
    at::Tensor& room = all[static_cast<std::size_t>(layer)];
    return room.index_put_({places, positions_}, newest);
  };
  return {put(keys_, keys), put(values_, values)};
}

BatchCache::View BatchCache::appended(std::int64_t layer) const {
  return {keys_[static_cast<std::size_t>(layer)], values_[static_cast<std::size_t>(layer)]};
}

SeenTokens BatchCache::seen(std::optional<std::int64_t> window) const {
  SeenTokens seen;
  if (reads_rows_) {
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      const std::int64_t begin = places_[i] * capacity(), count = lengths_[i] + 1;
      const std::int64_t shown = window ? std::min(*window, count) : count;
      seen.rows.push_back({.first = {begin + count - shown, begin + count}, .second = {}});
    }
    return seen;
  }
  const at::Tensor newest = positions_.unsqueeze(1);
  const at::Tensor places = at::arange(longest() + 1, newest.options()).unsqueeze(0);
  at::Tensor visible = places <= newest;
  if (window) visible.logical_and_(places > newest - *window);
  seen.masks.push_back(visible);
  return seen;
}

void BatchCache::advance() {
  std::vector<std::int64_t> lengths = lengths_;
  for (std::int64_t& length : lengths) ++length;
  set_lengths(std::move(lengths));
}

void BatchCache::keep(const std::vector<std::int64_t>& sequences) {
  if (sequences.size() == lengths_.size()) return;
  std::vector<std::int64_t> lengths, places;
  for (const std::int64_t i : sequences) {
    lengths.push_back(lengths_[static_cast<std::size_t>(i)]);
    places.push_back(places_[static_cast<std::size_t>(i)]);
  }
  if (reads_rows_) {
    places_ = std::move(places);
  } else {
    const at::Tensor kept = at::tensor(sequences, at::kLong).to(keys_.front().device());
    for (auto* all : {&keys_, &values_}) {
      for (at::Tensor& room : *all) room = room.index_select(0, kept);
    }
    places_.resize(sequences.size());
  }
  set_lengths(std::move(lengths));
}

}  // namespace expandft
