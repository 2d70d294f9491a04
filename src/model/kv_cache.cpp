#include "model/kv_cache.h"

#include <algorithm>

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

}  // namespace expandft
