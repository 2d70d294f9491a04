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

/// The frozen weights of a decoder's layers, of which each rank of a group keeps a share (what ZeRO
/// stage 3 does, arXiv 1910.02054, of weights that do not train). A layer is gathered from all
/// ranks ahead of its use, and leaves again: two are there at a time. All ranks must hold the same
/// layers in the same order.
class LayerShards {
 public:
  /// `group` must outlive it.
  explicit LayerShards(const RankGroup& group) : group_(group) {}

  /// Takes in the next layer, all of whose weights are of one dtype: they become views of a buffer
  /// that is empty until the layer is held.
  void add(LayerWeights& layer, const DecoderSpec& spec);
  /// The layer's weights are there until another is held. Meanwhile `next` is gathered. Failures as
  /// RankGroup's.
  void hold(std::int64_t layer, std::optional<std::int64_t> next);
  /// Bytes of a rank's shares; of the largest layer, of which two are there at a time.
  std::int64_t share_bytes() const;
  std::int64_t layer_bytes() const { return layer_bytes_; }

 private:
  struct Layer {
    at::Tensor whole;            // flat; its storage is empty while nobody holds the layer
    at::Tensor own;              // this rank's share
    std::function<void()> wait;  // while it is gathered
    bool is_there = false;       // or on its way
  };
  at::DataPtr spare_memory(at::Allocator& allocator);
  void gather(Layer& layer);
  void drop(Layer& layer);

  const RankGroup& group_;
  std::vector<Layer> layers_;
  // Memory of layers that left, for those that come: given back to the allocator it would get
  // holes.
  std::vector<at::DataPtr> spare_;  // each of layer_bytes_
  std::int64_t layer_bytes_ = 0;
};

/// `x`, what `layer` made. Its backward holds the layer, and has the one below gathered or, where
/// backward ends at this one, the first, with which the next forward pass begins.
at::Tensor held_in_backward(std::shared_ptr<LayerShards> shards, std::int64_t layer, bool is_lowest,
                            const at::Tensor& x);

}  // namespace expandft
