#pragma once

#include "methods/trained_weights.h"
#include "model/decoder.h"

#include <cstdint>
#include <memory>

namespace expandft {

/// full: every weight of the decoder trains, in its place.
std::unique_ptr<TrainedWeights> train_all_weights(Decoder& decoder);

/// last:N: every weight of the last `count` layers trains; input error when there are fewer layers.
std::unique_ptr<TrainedWeights> train_last_layers(Decoder& decoder, std::int64_t count);

}  // namespace expandft
