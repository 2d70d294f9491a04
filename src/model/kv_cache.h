#pragma once

#include "families/decoder_spec.h"
#include "kernels/attention.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Keys and values of the tokens of one sequence so far, for each layer. Grows by doubling.
class KvCache {
 public:
  explicit KvCache(const DecoderSpec& spec) : layers_(static_cast<std::size_t>(spec.layers)) {}

  std::int64_t length() const { return length_; }

  struct View {
    at::Tensor keys, values;  // (length, kv_heads, dim)
  };
  /// Appends the new tokens' keys and values (n, kv_heads, dim) to a layer and returns all of them.
  View append(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  /// The same of a layer that has appended its `n` new tokens in this pass.
  View appended(std::int64_t layer, std::int64_t n) const;
  /// Call this once all layers have appended their new tokens, whose ids (n) are given.
  void advance(const at::Tensor& ids) {
    ids_.push_back(ids);
    length_ += ids.size(0);
  }
  /// The tokens so far: (length), int64.
  at::Tensor ids() const { return at::cat(ids_); }

 private:
  std::vector<View> layers_;  // with spare capacity
  std::vector<at::Tensor> ids_;
  std::int64_t length_ = 0;
};

/// Keys and values of a batch of sequences that grow together, one token at a time, each from its
/// own length.
class BatchCache {
 public:
  /// Allocates room for `capacity` tokens of each sequence, which doubles when it is full; all
  /// sequences start empty.
  BatchCache(const DecoderSpec& spec, std::int64_t sequences, std::int64_t capacity,
             const at::TensorOptions& options);

  /// Tokens of each sequence.
  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  /// The position of each sequence's next token: (sequences), int64, on the cache's device.
  const at::Tensor& positions() const { return positions_; }

  /// Stores the keys and values (N, kv_heads, dim) of the prompts, packed end to end, in one layer:
  /// those of sequence i are rows [offsets[i], offsets[i+1]). The sequences must be empty.
  void fill(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values,
            const std::vector<std::int64_t>& offsets);
  /// Call this once all layers are filled.
  void filled(const std::vector<std::int64_t>& offsets);

  /// Call this before the layers append their newest token.
  void make_room();
  struct View {
    at::Tensor keys, values;  // (places, capacity, kv_heads, dim)
  };
  /// Appends the newest token's keys and values (sequences, kv_heads, dim) to a layer. The result
  /// holds the tokens that seen() names.
  View append(std::int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  /// The same of a layer that has appended its newest token in this pass.
  View appended(std::int64_t layer) const;
  /// What the newest token of each sequence sees, itself included.
  SeenTokens seen(std::optional<std::int64_t> window) const;
  /// Call this once all layers have appended their token.
  void advance();

  /// Keeps only these sequences (indices, ascending) and drops the others.
  void keep(const std::vector<std::int64_t>& sequences);

 private:
  std::int64_t longest() const;
  std::int64_t capacity() const { return keys_.front().size(1); }
  void set_lengths(std::vector<std::int64_t> lengths);

  std::vector<at::Tensor> keys_, values_;  // of each layer: (places, capacity, kv_heads, dim)
  bool reads_rows_;                        // uses_rows
  std::vector<std::int64_t> lengths_;
  std::vector<std::int64_t> places_;  // of each sequence; without reads_rows_ 0, 1, 2, …
  at::Tensor positions_;              // lengths_ on the device
};

}  // namespace expandft
