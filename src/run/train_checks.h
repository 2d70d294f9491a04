#pragma once

#include "base/error.h"
#include "base/notice.h"
#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "export/fold.h"
#include "families/decoder_spec.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>
#include <vector>

namespace expandft {

// What `train` finds out before it loads weights; `validate` asks the same.

/// A run's base as its files tell, without the weights.
struct TrainBase {
  ModelDirectory directory;
  DecoderSpec spec;
  std::optional<Folding> folding;  // of the merged model; none where no MLP is widened, where
                                   // {"auto": N} has its layers still to choose, or by a problem
  std::unique_ptr<const Tokenizer> tokenizer;  // null: it cannot be used
  Notices notices = {};                        // of config.json and the tokenizer
};

/// Opens the model, and checks the run's settings against it: max_length, layers, copies, layout,
/// method, LoRA's targets, tokenizer, retention. None where the model cannot be opened.
std::optional<TrainBase> open_train_base(const RunConfig& run, Problems& problems);

/// Whether the run's layers are still to be chosen, by {"auto": N}.
bool chooses_layers(const RunConfig& run, const DecoderSpec& spec);

/// How the merged model is made of a run's base and copies. Input errors of make_plan and
/// resolve_layout.
Folding folding_of(const RunConfig& run, const DecoderSpec& spec);

/// The token that begins a text of the base's: BOS, or, where there is none, EOS, which stands
/// between texts in training. Input error without either.
TokenId begin_token(const Tokenizer& tokenizer);

/// How the text of "retention" is read: every token of it counts, and there is no template.
DatasetOptions retention_options(const RunConfig& run);

/// What may not do what it seems to in a config: copies that start equal, and budgets
/// (config/budget_check.h). Tasks that are not there are left out.
Notices config_notices(const RunConfig& run);

/// The texts of a run, cut into tokens.
struct TrainData {
  Dataset training;
  std::optional<Dataset> validation, retention;  // retention: of a file
};
/// What is to be said of the data: fields that nothing reads, and what is trained on and measured
/// on at once.
Notices data_notices(const RunConfig& run, const TrainData& data);
/// Of a step that was set to take more than an epoch holds.
Notices batch_notices(const ResolvedConfig& config, const EpochStatistics& epoch);
/// What concerns those who train a model.
Notices notices_of(const DecoderSpec& spec);

}  // namespace expandft
