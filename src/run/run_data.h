#pragma once

#include "base/notice.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "run/run_base.h"
#include "runtime/rank_group.h"

#include <memory>
#include <optional>

namespace expandft {

/// The texts of a run as tokens.
struct RunData {
  std::unique_ptr<const Dataset> training;  // where it is, it stays: `epochs` refer to it
  std::optional<Dataset> validation;
  std::optional<Dataset> retention;                 // a file's text, or what the base itself wrote
  std::shared_ptr<const PackedEpochs> epochs = {};  // of the training data
  EpochStatistics first_epoch = {};                 // likewise
};

/// Reads all data that the config names, and logs what each source gave. `caches_ids`: from the
/// cache of token ids where they are there, else into it.
RunData load_run_data(const RunConfig& run, const Tokenizer& tokenizer, int threads,
                      bool caches_ids = true);
/// The training data alone.
Dataset load_training_data(const RunConfig& run, const Tokenizer& tokenizer, int threads,
                           bool caches_ids);

/// How the text of "retention" is read: every token counts, and there is no template.
DatasetOptions retention_options(const RunConfig& run);

/// Fields that nothing reads, and rows or files that are both trained on and measured on.
Notices data_notices(const RunConfig& run, const RunData& data);
/// A step that the config sets to more than an epoch holds.
Notices batch_notices(const ResolvedConfig& config, const EpochStatistics& epoch);

/// With "retention.text": "self": the texts that the base wrote for this run, from `file`, or
/// written now and kept there (in memory only where `file` is empty); none with other settings.
/// `decoder` is the base at strength 0 of `adaptation`. All ranks get the same texts. Input error
/// when the tokenizer has no token to begin a text with.
std::optional<Dataset> self_written_text(const RunConfig& run, const RunBase& base,
                                         const Decoder& decoder, const Adaptation& adaptation,
                                         const fs::path& file, const RankGroup& group, bool quiet);

}  // namespace expandft
