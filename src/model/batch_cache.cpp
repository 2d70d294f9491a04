#include "model/batch_cache.h"

namespace expandft {

BatchCache::BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t most,
                       const at::TensorOptions& options)
    : keys_(at::empty({spec.layers, sequences, most, spec.kv_heads, spec.head_dim}, options)),
      values_(at::empty_like(keys_)) {}

BatchCache::View BatchCache::append(std::int64_t layer, const at::Tensor& keys,
                                    const at::Tensor& values) {
  const auto put = [&](at::Tensor& all, const at::Tensor& newest) {
    const at::Tensor room = all.select(0, layer);
    room.select(1, length_).copy_(newest);
    return room.narrow(1, 0, length_ + 1);
  };
  return {put(keys_, keys), put(values_, values)};
}

}  // namespace expandft
