#pragma once

#include "model/spec.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Keys and values of the tokens seen so far of one sequence, for each layer. Grows by doubling.
class KvCache {
 public:
  explicit KvCache(const DecoderSpec& spec) : layers_(static_cast<std::size_t>(spec.layers)) {}

  std::int64_t length() const { return length_; }

  struct View {
    at::Tensor keys, values;  // (length, kv_heads, dim)
  };
  /// Appends the new tokens' keys and values (n, kv_heads, dim) to a layer; returns all of them.
  View append(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  /// To be called once all layers have appended their n tokens.
  void advance(std::int64_t n) { length_ += n; }

 private:
  std::vector<View> layers_;  // with room to spare
  std::int64_t length_ = 0;
};

}  // namespace expandft
