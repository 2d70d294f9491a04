#pragma once

#include "base/notice.h"
#include "data/example_store.h"
#include "data/unread_fields.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Where training or validation text comes from and how it becomes examples.
struct DatasetOptions {
  fs::path path;                      // .txt, .text, .md (one stream) or .jsonl, .json; also .gz
  std::optional<std::string> prompt;  // templates (data/template.h); without them
  std::optional<std::string> completion;       // prompt/completion, instruction/… or text is read
  std::string template_key = "data.template";  // what errors call them
  std::int64_t max_length = 1024;              // tokens a sequence
  bool train_on_prompt = false;                // loss on prompt tokens too
  fs::path model;                              // its files say how conversations are written
  std::string chat_format = "auto";            // or a name of chat/chat_format.h
  std::size_t piece_bytes = 1u << 19;          // plain text is encoded in pieces of about so many
  int threads = 1;                             // that encode; what they give does not depend on it
};

/// What happened on the way; shown before training and saved with the run. Every row is in the
/// examples: one that cannot be is an error. `tokens` and `truncated_tokens` together are all that
/// the rows have, BOS and EOS included (and with a max_length of 2 the tokens that blocks repeat).
struct DatasetReport {
  std::int64_t rows = 0, examples = 0, tokens = 0;
  std::int64_t targets = 0;  // tokens that are learned
  // Rows that lost the beginning of their prompt, or conversations their oldest exchanges.
  std::int64_t truncated_rows = 0, truncated_tokens = 0;
  std::int64_t conversations = 0;  // of the rows
  UnreadFields unread = {};

  DatasetReport& operator+=(const DatasetReport& other);
  bool operator==(const DatasetReport&) const = default;
};

/// What one source gave. Its examples follow those of the source before it.
struct SourceReport {
  fs::path path;  // a file, a folder or a glob
  double weight = 1;
  bool has_template = false;
  std::vector<fs::path> file_paths;
  DatasetReport rows;
  std::int64_t drawn = 0;  // examples of it in an epoch
};

/// A stretch of the examples that counts `weight` times in an epoch: its whole part as often as
/// that, and for the rest so many examples, drawn anew for each epoch.
struct DatasetPart {
  std::size_t examples = 0;
  double weight = 1;
};

struct Dataset {
  ExampleStore examples;
  DatasetReport report;
  std::vector<DatasetPart> parts;     // in order, all examples; none: each counts once
  std::vector<SourceReport> sources;  // those that load_sources read, in order
  Notices notices;                    // fields that nothing reads, of each source
};

/// Adds the notice of a source's fields that nothing reads, when there are any. Of rows that a
/// template renders there is none: their author has said which fields count.
void name_unread(const UnreadFields& unread, const fs::path& source, Notices& notices);

/// Examples of the part in each epoch: weight times its examples, rounded.
std::int64_t drawn_examples(const DatasetPart& part);

/// Reads, renders, tokenizes and cuts. Plain text: BOS once if the tokenizer adds it, then blocks
/// of max_length tokens. Rows: BOS, prompt, completion, EOS; loss on completion and EOS. A row
/// longer than max_length loses the beginning of its prompt, never its answer; a row whose answer
/// alone is too long is an input error that counts such rows. A "text" row that is too long goes
/// on in further examples. Conversations (data/chat_rows.h) are written in the model's chat format
/// (chat/chat_template.h); loss on answers and the tokens that end them; one that is too long loses
/// its oldest exchanges, never system text. Rows with an empty or blank answer, an empty data set,
/// missing fields and damaged lines are input errors with the line number. The file need not fit in
/// memory, only each line of it, and what the threads have at hand; plain text is encoded in pieces
/// whose ids are those of the whole (data/text_cutter.h), and only where no such pieces can be
/// found as one.
Dataset load_dataset(const DatasetOptions& options, const Tokenizer& tokenizer);
/// Likewise, behind the examples that the data set has, and tells what this file gave. After an
/// error some of the file's examples may be in the data set.
DatasetReport append_dataset(const DatasetOptions& options, const Tokenizer& tokenizer,
                             Dataset& dataset);

/// XXH3-64 over the examples' token ids and learned marks, and the parts, as 16 hex digits: what
/// training sees of the data, wherever it lies.
std::string fingerprint(const Dataset& dataset);

/// One training sequence's worth of examples (indices into Dataset::examples).
using Pack = std::vector<std::uint32_t>;

/// The order of one epoch: the parts as often as their weights say, what is drawn from them without
/// replacement by (seed, epoch); shuffled likewise, packed up to max_length tokens when `packing`
/// (first fit over a bounded window, so that the order stays random), else one example each.
/// Deterministic on every platform.
std::vector<Pack> epoch_order(const Dataset& dataset, std::int64_t max_length, bool packing,
                              bool shuffle, std::uint64_t seed, std::uint64_t epoch);

}  // namespace expandft
