#pragma once

#include "model/spec.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Keys and values of a batch of sequences of one length that grow together, token by token, up
/// to a length that is known.
class BatchCache {
 public:
  BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t most,
             const at::TensorOptions& options);

  std::int64_t length() const { return length_; }

  struct View {
    at::Tensor keys, values;  // (sequences, length, kv_heads, dim), the newest token included
  };
  /// Puts the newest token's keys and values (sequences, kv_heads, dim) behind a layer's others.
  View append(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  /// To be called once all layers have appended their token.
  void advance() { ++length_; }

 private:
  at::Tensor keys_, values_;  // (layers, sequences, most, kv_heads, dim)
  std::int64_t length_ = 0;
};

}  // namespace expandft
