#pragma once

#include "base/notice.h"
#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "families/decoder_spec.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "run/run_base.h"
#include "runtime/rank_group.h"
#include "tokenizer/tokenizer.h"
#include "training/self_text.h"

#include <optional>
#include <vector>

namespace expandft {

/// The prompts of retention.prompts, at most retention.samples of them: texts with the tokenizer's
/// BOS, conversations as data.chat_template writes them. Notices: fields that nothing reads, and
/// prompts that are not used. Input errors: those of read_prompt_rows and ModelChat; a prompt
/// without tokens, or with too many to leave room for a continuation.
std::vector<TextPrompt> read_retention_prompts(const RunConfig& run, const ModelDirectory& model,
                                               const DecoderSpec& spec, const Tokenizer& tokenizer,
                                               Notices& notices);

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
