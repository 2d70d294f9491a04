#pragma once

#include "families/decoder_spec.h"
#include "model/weights.h"
#include "runtime/rank_group.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Shards the frozen weights of a decoder's layers over the ranks of a group, like ZeRO stage 3
/// (arXiv 1910.02054) but only for weights that do not train. A layer is gathered from all ranks
/// just before it is used and dropped afterwards, so two are in memory at a time. All ranks must
/// hold the same layers in the same order.
class LayerShards {
 public:
  /// `group` must outlive it.
  explicit LayerShards(const RankGroup& group) : group_(group) {}

  /// Adds the next layer, whose weights must have one dtype. They become views of a buffer that has
  /// no memory until the layer is held.
  void add(LayerWeights& layer, const DecoderSpec& spec);
  /// Puts the layer's weights in memory until another layer is held, and starts to gather `next`.
  /// Failures as RankGroup's.
  void hold(std::int64_t layer, std::optional<std::int64_t> next);
  /// Bytes of this rank's shares, and of the largest layer (two layers are in memory at a time).
  std::int64_t share_bytes() const;
  std::int64_t layer_bytes() const { return layer_bytes_; }

 private:
  struct Layer {
    at::Tensor whole;            // flat; without memory while the layer is not held
    at::Tensor own;              // this rank's share
    std::function<void()> wait;  // for the gathering that was started
    bool is_there = false;       // or being gathered
  };
  at::DataPtr spare_memory(at::Allocator& allocator);
  void gather(Layer& layer);
  void drop(Layer& layer);

  const RankGroup& group_;
  std::vector<Layer> layers_;
  // Memory of dropped layers, reused for the next ones: returning it to the allocator would
  // fragment it.
  std::vector<at::DataPtr> spare_;  // each of layer_bytes_
  std::int64_t layer_bytes_ = 0;
};

/// Returns `x`, the output of `layer`. In backward, holds the layer and starts to gather the layer
/// below; if this is the lowest layer of backward, starts to gather the first layer instead, where
/// the next forward pass begins.
at::Tensor held_in_backward(std::shared_ptr<LayerShards> shards, std::int64_t layer, bool is_lowest,
                            const at::Tensor& x);

}  // namespace expandft
