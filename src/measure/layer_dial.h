#pragma once

#include "config/strength.h"
#include "data/batch.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace expandft {

/// The texts that strengths are chosen on.
struct DialTexts {
  std::vector<TokenBatch> learned;  // of the new task: their targets count
  std::vector<TokenBatch> kept;     // of the base's own kind: all tokens count
};

struct DialOptions {
  double weight = 1.0;             // λ
  std::int64_t steps = 20;         // gradient steps
  double rate = 0.1;               // of the first step; falls linearly to a tenth of it
  std::int64_t frozen_layers = 0;  // below all that the strength changes
};

/// What the model does at some strengths.
struct DialPoint {
  Strength strength;
  double loss = 0;        // of the new task, nats per target
  double divergence = 0;  // KL(base ‖ model) on the kept text, nats per token
  double objective(double weight) const { return loss + weight * divergence; }
};

struct LayerDial {
  DialPoint uniform;  // the best of the strengths that are the same in all layers
  DialPoint layers;   // the best found; `uniform` where no step was better
};

/// Finds a strength for each layer that makes loss + λ·divergence small, with all weights frozen:
/// projected Adam on the strengths, from the best of 0.25, 0.5, 0.75 and 1 for all layers. Each
/// step runs forward and backward on all texts. The adaptation is left at the strengths found.
/// `progress` gets the steps done. Input error for an adaptation whose strength has no gradient
/// (Adaptation::learn_strength); failure for a loss that is not finite.
LayerDial find_layer_strengths(const Decoder& decoder, const Adaptation& adaptation,
                               const DialTexts& texts, const DialOptions& options,
                               const std::function<void(std::int64_t)>& progress = {});

}  // namespace expandft
