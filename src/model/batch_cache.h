#pragma once

#include "families/spec.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Keys and values of a batch of sequences that grow together, token by token, each from a length
/// of its own up to a length that is known.
class BatchCache {
 public:
  /// Room for `most` tokens of each sequence; all are empty.
  BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t most,
             const at::TensorOptions& options);

  /// Tokens of each sequence.
  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  /// Where the next token of each stands: (sequences), int64, on the cache's device.
  const at::Tensor& positions() const { return positions_; }

  /// Puts the beginnings of empty sequences, which lie end to end (N, kv_heads, dim), in a layer.
  void fill(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values,
            const std::vector<std::int64_t>& offsets);
  /// To be called once all layers are filled.
  void filled(const std::vector<std::int64_t>& offsets);

  struct View {
    at::Tensor keys, values;  // (sequences, longest, kv_heads, dim), the newest token included
  };
  /// Puts the newest token's keys and values (sequences, kv_heads, dim) behind a layer's others.
  View append(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  /// Which of a view's tokens each sequence has, and sees through a window: (sequences, longest),
  /// bool. Undefined when it is all of them.
  at::Tensor visible(std::optional<std::int64_t> window) const;
  /// To be called once all layers have appended their token.
  void advance();

  /// Goes on with some of the sequences (ascending places) alone.
  void keep(const std::vector<std::int64_t>& sequences);

 private:
  bool are_even() const;
  std::int64_t longest() const;
  void set_lengths(std::vector<std::int64_t> lengths);

  at::Tensor keys_, values_;  // (layers, sequences, most, kv_heads, dim)
  std::vector<std::int64_t> lengths_;
  at::Tensor positions_;  // lengths_ on the device
};

}  // namespace expandft
