#pragma once

#include "families/spec.h"

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
  /// To be called once all layers have appended their tokens, which are these (n).
  void advance(const at::Tensor& ids) {
    ids_.push_back(ids);
    length_ += ids.size(0);
  }
  /// The tokens seen so far: (length), int64.
  at::Tensor ids() const { return at::cat(ids_); }

 private:
  std::vector<View> layers_;  // with room to spare
  std::vector<at::Tensor> ids_;
  std::int64_t length_ = 0;
};

}  // namespace expandft
