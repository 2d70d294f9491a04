#pragma once

#include "data/dataset.h"
#include "data/row_encoder.h"

#include <cstdint>
#include <span>
#include <vector>

namespace expandft {

class TextStream;

/// Adds a file's examples to a data set, and collects rows with errors.
class ExampleBuilder {
 public:
  /// All three must outlive the builder.
  ExampleBuilder(const DatasetOptions& options, const Tokenizer& tokenizer, Dataset& dataset);

  /// A `text` row that is too long continues in more examples.
  void add(const EncodedRow& row);
  /// Plain text: BOS, then blocks of max_length tokens. The last two may be shorter.
  void add_stream(TextStream& text);
  /// The rows' fields that nothing reads: the caller counts them here.
  UnreadFields& unread() { return report_.unread; }
  /// Throws if there were rows without learned tokens, rows whose answer is too long, or no
  /// examples at all. Otherwise adds the file's counts to the data set's report, and returns them.
  DatasetReport finish();

 private:
  void add_blocks(std::span<const TokenId> tokens);
  std::size_t add_full_blocks(std::span<const TokenId> tokens);
  void add_block(std::span<const TokenId> tokens);
  void add_example(const Example& example);

  const DatasetOptions& options_;
  const Tokenizer& tokenizer_;
  const std::size_t max_length_;
  Dataset& dataset_;
  DatasetReport report_;  // of this file
  std::vector<std::int64_t> unlearned_lines_, too_long_lines_;
  std::size_t longest_ = 0;
  std::int64_t last_split_ = -1;  // the line of the last row with further parts
};

}  // namespace expandft
