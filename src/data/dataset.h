#pragma once

#include "base/notice.h"
#include "data/example_store.h"
#include "data/rows/row_fields.h"
#include "tokenizer/tokenizer.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Where the token ids of data files are cached (data/token_cache.h).
struct TokenCacheOptions {
  fs::path folder;  // created when the first entry is written
  /// When the tokenizer was not yet loaded. Files that have changed since are not cached.
  std::chrono::system_clock::time_point unchanged_since;
};

/// Where training or validation text comes from, and how it becomes examples.
struct DatasetOptions {
  fs::path path;                      // .txt, .text, .md (one stream) or .jsonl, .json; also .gz
  std::optional<std::string> prompt;  // templates (data/rows/template.h); without,
  std::optional<std::string> completion;       // the row's own fields (data/rows/row_fields.h)
  std::string template_key = "data.template";  // their name in errors
  std::int64_t max_length = 1024;              // the most tokens in an example
  bool train_on_prompt = false;                // loss on prompt tokens too
  fs::path model;                              // its chat template is used for conversations
  std::string chat_template = "auto";          // as in ModelChat
  bool train_on_empty_reasoning = false;       // loss on "<think></think>" that a template adds
  std::size_t piece_bytes = 1u << 19;  // about the size of pieces in which plain text is encoded
  int threads = 1;                     // for encoding; the result does not depend on it
  std::optional<TokenCacheOptions> cache = {};  // nor on this
};

/// Counts of what was read, shown before training and saved with the run. Every row is in the
/// examples, or an error. `tokens` plus `truncated_tokens` is the number of all the rows' tokens,
/// including BOS and EOS (and, with a max_length of 2, the tokens that blocks repeat).
struct DatasetReport {
  std::int64_t rows = 0, examples = 0, tokens = 0;
  std::int64_t targets = 0;  // tokens that are learned
  // Rows that lost the start of their prompt, and conversations that lost their oldest exchanges.
  std::int64_t truncated_rows = 0, truncated_tokens = 0;
  std::int64_t conversations = 0;  // of the rows
  std::int64_t split_rows = 0;     // conversations that became more than one example
  UnreadFields unread = {};

  DatasetReport& operator+=(const DatasetReport& other);
  bool operator==(const DatasetReport&) const = default;
};

/// What one source contributed. Its examples follow those of the previous source.
struct SourceReport {
  fs::path path;  // a file, a folder or a glob
  double weight = 1;
  bool has_template = false;
  std::vector<fs::path> file_paths;
  DatasetReport rows;
  std::int64_t drawn = 0;  // its examples in an epoch
};

/// Consecutive examples that count `weight` times in an epoch. With a weight of 2.4 an epoch has
/// each of them twice, and 40% of them once more, drawn anew for each epoch.
struct DatasetPart {
  std::size_t examples = 0;
  double weight = 1;
};

struct Dataset {
  ExampleStore examples;
  DatasetReport report;
  std::vector<DatasetPart> parts;     // in order, covering all examples; if empty, each counts once
  std::vector<SourceReport> sources;  // those that load_sources read, in order
  Notices notices;                    // the fields of each source that nothing reads
};

/// Adds a notice of a source's fields that nothing reads, if any. Not for rows with a template,
/// whose author has chosen the fields.
void name_unread(const UnreadFields& unread, const fs::path& source, Notices& notices);

/// Reads, renders, tokenizes and cuts a file.
/// - Plain text: BOS once if the tokenizer adds it, then blocks of max_length tokens.
/// - Rows: BOS, prompt, completion, EOS, with loss on completion and EOS. A row longer than
///   max_length loses the start of its prompt, never its answer. Rows whose answer alone is too
///   long are an input error that counts them. A "text" row that is too long continues in more
///   examples.
/// - Conversations (data/rows/chat_rows.h) are written by the model's chat template, with loss on
///   answers and the tokens that end them. One that is too long loses its oldest exchanges, never
///   system text. One whose earlier answers the template writes anew becomes more examples.
/// Rows with an empty or blank answer, an empty data set, missing fields and malformed lines are
/// input errors with the line number. The file may be larger than memory: only a line of it, and
/// what the threads work on, must fit. Plain text is encoded in pieces with the ids of the whole
/// (data/text_cutter.h), or in one piece when no such cuts exist.
Dataset load_dataset(const DatasetOptions& options, const Tokenizer& tokenizer);
/// Appends the file's examples to the data set in the same way, and returns its counts. After an
/// error some of the examples may be in the data set.
DatasetReport append_dataset(const DatasetOptions& options, const Tokenizer& tokenizer,
                             Dataset& dataset);

/// XXH3-64 of what training uses of the data, as 16 hex digits: the examples' token ids, their
/// learned marks, and the parts.
std::string fingerprint(const Dataset& dataset);

}  // namespace expandft
