#include "model/kv_cache.h"

#include <algorithm>
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
  const std::int64_t total = length_ + keys.size(0);
  return {room.keys.narrow(0, 0, total), room.values.narrow(0, 0, total)};
}

BatchCache::BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t capacity,
                       const at::TensorOptions& options)
    : keys_(at::empty({spec.layers, sequences, capacity, spec.kv_heads, spec.head_dim}, options)),
      values_(at::empty_like(keys_)) {
  set_lengths(std::vector<std::int64_t>(static_cast<std::size_t>(sequences), 0));
}

bool BatchCache::are_even() const {
  return std::ranges::all_of(lengths_, [&](std::int64_t n) { return n == lengths_.front(); });
}

std::int64_t BatchCache::longest() const {
  return std::ranges::max(lengths_);
}

void BatchCache::set_lengths(std::vector<std::int64_t> lengths) {
  lengths_ = std::move(lengths);
  positions_ = at::tensor(lengths_, at::kLong).to(keys_.device());
}

void BatchCache::fill(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values,
                      const std::vector<std::int64_t>& offsets) {
  // No token attends to what follows the end of its sequence, but a weight of 0 times NaN is NaN,
  // so the unused part is set to zero.
  const at::Tensor k = keys_.select(0, layer).zero_(), v = values_.select(0, layer).zero_();
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    const std::int64_t length = offsets[i + 1] - offsets[i];
    k.select(0, place).narrow(0, 0, length).copy_(keys.narrow(0, offsets[i], length));
    v.select(0, place).narrow(0, 0, length).copy_(values.narrow(0, offsets[i], length));
  }
}

void BatchCache::filled(const std::vector<std::int64_t>& offsets) {
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    lengths.push_back(offsets[i + 1] - offsets[i]);
  }
  set_lengths(std::move(lengths));
}

BatchCache::View BatchCache::append(std::int64_t layer, const at::Tensor& keys,
                                    const at::Tensor& values) {
  const std::int64_t length = longest();
  const auto put = [&](at::Tensor& all, const at::Tensor& newest) {
    at::Tensor room = all.select(0, layer);
    if (are_even()) {
      room.select(1, length).copy_(newest);
    } else {
      room.index_put_({at::arange(room.size(0), positions_.options()), positions_}, newest);
    }
    return room.narrow(1, 0, length + 1);
  };
  return {put(keys_, keys), put(values_, values)};
}

at::Tensor BatchCache::visible(std::optional<std::int64_t> window) const {
  if (are_even()) return {};
  const at::Tensor newest = positions_.unsqueeze(1);
  const at::Tensor places = at::arange(longest() + 1, newest.options()).unsqueeze(0);
  at::Tensor seen = places <= newest;
  if (window) seen.logical_and_(places > newest - *window);
  return seen;
}

void BatchCache::advance() {
  std::vector<std::int64_t> lengths = lengths_;
  for (std::int64_t& length : lengths) ++length;
  set_lengths(std::move(lengths));
}

void BatchCache::keep(const std::vector<std::int64_t>& sequences) {
  if (sequences.size() == lengths_.size()) return;
  const at::Tensor places = at::tensor(sequences, at::kLong).to(keys_.device());
  keys_ = keys_.index_select(1, places);
  values_ = values_.index_select(1, places);
  std::vector<std::int64_t> lengths;
  for (const std::int64_t i : sequences) lengths.push_back(lengths_[static_cast<std::size_t>(i)]);
  set_lengths(std::move(lengths));
}

}  // namespace expandft
