#pragma once

#include "base/files.h"
#include "base/json.h"
#include "base/notice.h"

namespace expandft {

/// Notices of files beside a tokenizer.json that say something else than it: a tokenizer.model
/// whose pieces have other ids, a vocab.json or a merges.txt that differ. As in transformers,
/// tokenizer.json counts. `json` is its content, `directory` where it lies.
Notices contradicting_files(const fs::path& directory, const Json& json);

}  // namespace expandft
