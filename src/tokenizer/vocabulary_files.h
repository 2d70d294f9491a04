#pragma once

#include "base/files.h"
#include "base/notice.h"
#include "tokenizer/pipeline/bpe_tables.h"

namespace expandft {

/// Notices of files in `directory` that contradict tokenizer.json (`content`): a tokenizer.model
/// with other ids, or a different vocab.json or merges.txt. As in transformers, tokenizer.json
/// counts.
Notices contradicting_files(const fs::path& directory, const TokenizerContent& content);

}  // namespace expandft
