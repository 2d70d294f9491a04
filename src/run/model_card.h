#pragma once

#include "checkpoint/model_directory.h"
#include "export/fold.h"
#include "run/train_setup.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <string>

namespace expandft {

/// README.md of a written model: what it is, how it was made, how it loads.
std::string expanded_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                                const Folding& folding);
/// The same for a model that was merged from a base and an adapter.
std::string merged_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                              const Folding& folding, const std::string& adapter);
/// The same for a PEFT adapter that was merged into its base.
std::string lora_model_card(const ModelDirectory& base, const std::string& adapter,
                            const Strength& strength);
/// The same for a trained one: with its data, training and results.
std::string trained_model_card(const TrainSetup& setup, const TrainingOutcome& outcome,
                               const ComparisonReport& results);

}  // namespace expandft
