#pragma once

#include "base/error.h"
#include "base/notice.h"
#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "export/fold.h"
#include "families/decoder_spec.h"
#include "tokenizer/tokenizer.h"
#include "training/self_text.h"

#include <memory>
#include <optional>
#include <vector>

namespace expandft {

/// The base of a run as its files describe it, without the weights.
struct RunBase {
  ModelDirectory directory;
  DecoderSpec spec;
  std::unique_ptr<const Tokenizer> tokenizer;      // null: it cannot be used
  Notices notices = {};                            // of config.json, tokenizer and prompts
  std::vector<TextPrompt> retention_prompts = {};  // of retention.prompts, where it is used

  /// Of the embedding; copies and adapters are written in it.
  Dtype dtype() const;
};

/// Opens the base, and checks the run's settings against it: max_length, layers, copies, layout,
/// method, LoRA's targets, tokenizer, retention. None where the model cannot be opened.
std::optional<RunBase> open_run_base(const RunConfig& run, Problems& problems);

/// Whether {"auto": N} has yet to choose the run's layers.
bool chooses_layers(const RunConfig& run, const DecoderSpec& spec);

/// How the merged model is made from a run's base and copies. Input errors of make_plan and
/// resolve_layout.
Folding folding_of(const RunConfig& run, const DecoderSpec& spec);

/// The token that begins a text of the base's: BOS, or without one EOS, which separates texts in
/// training. Input error without either.
TokenId begin_token(const Tokenizer& tokenizer);

/// The most tokens of a text that the base writes for retention.
std::int64_t longest_sample(const RunConfig& run, const DecoderSpec& spec);

/// Settings of a config that may not do what they seem to: copies that start equal, and budgets
/// (config/budget_check.h). Tasks that cannot be found are skipped.
Notices config_notices(const RunConfig& run);

/// Notices of a model's config.json that concern training.
Notices training_notices(const DecoderSpec& spec);

}  // namespace expandft
