#pragma once

#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "growth/plan.h"
#include "methods/lora.h"
#include "methods/trained_weights.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A decoder made ready to train by the method of a run config.
struct AppliedMethod {
  std::unique_ptr<Adaptation> adaptation;
  std::optional<ExpansionPlan> plan;  // of methods that widen MLPs
  const LoraUpdates* lora = nullptr;  // the adaptation, if it is LoRA's
  std::vector<LayerOrigin> layers;    // of the decoder, as it is now
  std::int64_t frozen_layers = 0;     // below all that trains: what they compute never changes
};

/// Applies `run.method`. Input errors: layers or projections that the model does not have, and what
/// make_plan refuses.
AppliedMethod apply_method(Decoder& decoder, const ModelDirectory& base, const RunConfig& run);

/// Numbers that train.
std::int64_t count_trained_parameters(const Adaptation& adaptation);

/// "3 of 5 layers (0, 2, 4), 2 copies of each MLP: 66,048 new parameters, 25.3 % of the model's …",
/// "full fine-tuning: all 262,000 parameters train".
std::string describe(const AppliedMethod& applied, const RunConfig& run, const DecoderSpec& base);

}  // namespace expandft
