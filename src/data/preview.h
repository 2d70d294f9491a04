#pragma once

#include "base/error.h"
#include "data/dataset.h"
#include "tokenizer/example.h"

#include <functional>
#include <optional>
#include <vector>

namespace expandft {

/// A row as training reads it, or what is wrong with it.
struct PreviewedRow {
  std::int64_t row = 0, line = 0;     // from 1; of plain text both are the block's number
  std::vector<Example> sequences;     // with marks of 0 on first tokens, which nothing predicts
  std::vector<std::int64_t> dropped;  // of each sequence, the tokens that did not fit
  UnreadFields unread = {};           // not those that a template leaves out
  std::optional<Error> error = {};    // what training would stop with
};

/// Which rows to look at: so many from a line of the file on; of plain text, from a block on.
struct PreviewRange {
  std::int64_t from = 1, count = 1;
};

/// Calls `visit` with rows of a file as append_dataset reads them. No more of the file is read than
/// they need. Of plain text the blocks count as rows. An error that is not a row's own, as a chat
/// template that cannot be read, is thrown.
void preview_rows(const DatasetOptions& options, const Tokenizer& tokenizer,
                  const PreviewRange& range, const std::function<void(const PreviewedRow&)>& visit);

}  // namespace expandft
