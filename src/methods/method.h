#pragma once

#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "growth/plan.h"
#include "methods/llama_pro.h"
#include "methods/lora.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A decoder that is ready to be trained by the method of a run config.
struct AppliedMethod {
  std::unique_ptr<Adaptation> adaptation;
  std::optional<ExpansionPlan> plan;  // of new, mlp and zero-init
  const LoraUpdates* lora = nullptr;  // the adaptation, when the method is lora
  std::vector<LayerOrigin> layers;    // of the decoder, with those that llama-pro adds
  std::int64_t frozen_layers = 0;     // below all trained ones: their output never changes
};

/// Applies `run.method`. Which file has the method:
///   new, mlp, zero-init   new_mlp_zero_init.h: widened MLPs
///   llama-pro             llama_pro.h: added layers
///   lora                  lora.h: low-rank updates
///   full, last:N          full_last.h: the model's own weights
/// The neurons of a narrow expansion must be chosen. Input errors: layers or projections that the
/// model does not have, and those of make_plan.
AppliedMethod apply_method(Decoder& decoder, const ModelDirectory& base, const RunConfig& run);

/// The number of trained parameters.
std::int64_t count_trained_parameters(const Adaptation& adaptation);

/// "3 of 5 layers (0, 2, 4), 2 copies of each MLP: 66,048 new parameters, 25.3 % of the model's …",
/// "full fine-tuning: all 262,000 parameters train".
std::string describe(const AppliedMethod& applied, const RunConfig& run, const DecoderSpec& base);

}  // namespace expandft
