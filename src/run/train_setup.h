#pragma once

#include "base/notice.h"
#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "data/packing.h"
#include "export/fold.h"
#include "growth/layer_ranking.h"
#include "methods/method.h"
#include "model/decoder.h"
#include "run/process_options.h"
#include "runtime/rank_group.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>
#include <string>

namespace expandft {

/// All that a training run is made of, loaded and checked.
struct TrainSetup {
  const RankGroup& group;
  ResolvedConfig config;
  at::Device device;
  ModelDirectory base;
  DecoderSpec spec;
  Dtype base_dtype;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::optional<Folding> folding;  // of the merged model, where MLPs are widened
  Dataset training_data;
  EpochStatistics first_epoch;  // of the training data
  std::optional<Dataset> validation_data;
  std::optional<Dataset> retention_data;  // of "self": only after retain_on_self_text
  Decoder decoder;
  AppliedMethod method;
  std::vector<LayerScore> ranking = {};             // where the layers were chosen by it
  Notices notices = {};                             // of model, tokenizer and data
  std::shared_ptr<const PackedEpochs> epochs = {};  // of the training data

  const RunConfig& run() const { return config.run; }
  const Adaptation& adaptation() const { return *method.adaptation; }
  std::string description() const { return describe(method, run(), spec); }
  /// Of the merged model's weights: "1.9 GB (padded: 0.6 GB of zeros)".
  std::string merged_size() const;
};

/// Cheap checks come first: a long load should not end in a misspelt path. `resume`: layers that
/// the run has chosen stay chosen.
std::unique_ptr<TrainSetup> set_up_training(ResolvedConfig config, const ProcessOptions& process,
                                            bool resume = false,
                                            const RankGroup& group = RankGroup::alone());

/// The ranking of all layers on the beginning of the run's training data, as {"auto": N} takes it.
/// Nothing but the model and that data is loaded.
std::vector<LayerScore> rank_layers_of(const RunConfig& run, const ProcessOptions& process);

/// With "retention.text": "self", reads the texts that the base wrote for this run, or has it write
/// them, and keeps them in the run directory (in memory only when `directory` is null). Input error
/// when the tokenizer has no token to begin a text with.
void retain_on_self_text(TrainSetup& setup, const fs::path* directory, bool quiet);

/// What --dry-run says: the resolved config with origins, the data, the plan, memory by part, the
/// steps, and the speed of two real steps. Writes nothing.
std::string dry_run_report(TrainSetup& setup);

}  // namespace expandft
