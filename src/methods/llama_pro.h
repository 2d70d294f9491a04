#pragma once

#include "methods/trained_weights.h"
#include "model/decoder.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace expandft {

/// llama-pro (LLaMA Pro, arXiv 2401.02415): after each of `layers` (ascending) a copy of that layer
/// is inserted, and only the copies train. They begin as the identity: o_proj and down_proj are
/// zero, or, in families that normalise the output of their blocks, the factors of those norms.
std::unique_ptr<TrainedWeights> add_layers(Decoder& decoder,
                                           const std::vector<std::int64_t>& layers);

/// Where a layer of the model with added layers comes from.
struct LayerOrigin {
  std::int64_t layer = 0;  // of the base
  bool is_added = false;   // whether it is the inserted copy
};
/// The layers of the model that add_layers makes, in order.
std::vector<LayerOrigin> layer_origins(std::int64_t base_layers,
                                       const std::vector<std::int64_t>& layers);

}  // namespace expandft
