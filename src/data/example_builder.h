#pragma once

#include "data/dataset.h"
#include "data/row_encoder.h"

#include <cstdint>
#include <span>
#include <vector>

namespace expandft {

class TextStream;

/// Adds examples to a data set, and collects what is wrong with rows, until the end of a file.
class ExampleBuilder {
 public:
  /// All three must outlive the builder.
  ExampleBuilder(const DatasetOptions& options, const Tokenizer& tokenizer, Dataset& dataset);

  /// A `text` row that is too long goes on in further examples.
  void add(const EncodedRow& row);
  /// A text without rows: BOS, then blocks of max_length tokens; the last two may be shorter.
  void add_stream(TextStream& text);
  /// What the file's rows hold that nothing reads, to be counted by those who read them.
  UnreadFields& unread() { return report_.unread; }
  /// Throws what was collected: rows without learned tokens, rows whose answer is too long, no
  /// examples at all. Else adds what the file gave to the data set's report, and returns it.
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
};

}  // namespace expandft
