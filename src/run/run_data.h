#pragma once

#include "base/notice.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "run/run_base.h"
#include "runtime/rank_group.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>

namespace expandft {

/// The texts of a run as tokens.
struct RunData {
  std::unique_ptr<const Dataset> training;  // where it is, it stays: `epochs` refer to it
  std::optional<Dataset> validation;
  std::optional<Dataset> retention;                 // files, and what the base itself wrote
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

/// Fields that nothing reads, and rows or files that are both trained on and measured on.
Notices data_notices(const RunConfig& run, const RunData& data);
/// A step that the config sets to more than an epoch holds.
Notices batch_notices(const ResolvedConfig& config, const EpochStatistics& epoch);

/// The files of retention.text, each a part of the data set where there are several texts; every
/// token counts, and there is no template. None without files, or where retention reads no text.
std::optional<Dataset> load_retention_files(const RunConfig& run, const Tokenizer& tokenizer,
                                            int threads);

/// With "self" in retention.text: adds the texts that the base wrote for this run to `data`, from
/// `file`, or written now and kept there (in memory only where `file` is empty); else does nothing.
/// `decoder` is the base at strength 0 of `adaptation`. All ranks get the same texts. Input error
/// when the tokenizer has no token to begin a text with.
void add_self_written_text(const RunConfig& run, const RunBase& base, const Decoder& decoder,
                           const Adaptation& adaptation, const fs::path& file,
                           const RankGroup& group, bool quiet, std::optional<Dataset>& data);

}  // namespace expandft
