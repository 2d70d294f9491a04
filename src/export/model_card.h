#pragma once

#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "export/fold.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <optional>
#include <string>

namespace expandft {

// README.md of a written model: what it is, how it was made, and what loads it.

/// Of a model that was widened and not trained.
std::string expanded_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                                const Folding& folding);
/// Of a base and an adapter merged.
std::string merged_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                              const Folding& folding, const std::string& adapter);
/// Of a base and a PEFT LoRA merged.
std::string lora_model_card(const ModelDirectory& base, const std::string& adapter,
                            const Strength& strength);

/// What the card of a trained model is made from.
struct TrainedModel {
  const RunConfig& run;
  const ModelDirectory& base;
  const DecoderSpec& spec;
  const std::optional<Folding>& folding;  // where MLPs were widened
  std::string plan;                       // what was trained, as `describe` says it
  const TrainingOutcome& outcome;
  const ComparisonReport& results;
};
/// Of a trained model: with its data, training and results.
std::string trained_model_card(const TrainedModel& model);

}  // namespace expandft
