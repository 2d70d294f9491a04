#pragma once

#include "text/chat_format.h"
#include "text/dataset.h"
#include "text/rows.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace expandft {

/// Ids of a prompt and of the completion that follows it. Together they are the ids of the joined
/// text where the tokenizer allows that; where the prompt's last token would merge with the
/// completion, both are encoded apart, so that the completion's ids decode to its exact text.
struct PromptAndCompletion {
  std::vector<TokenId> prompt, completion;
};
/// `continuation`: other tokens stand before the prompt.
PromptAndCompletion encode_prompt_and_completion(const Tokenizer& tokenizer,
                                                 const std::string& prompt,
                                                 const std::string& completion,
                                                 bool continuation = false);

class TextStream;

/// Adds examples to a data set, and collects what is wrong with rows, until the end of a file.
class ExampleBuilder {
 public:
  /// All three must outlive the builder.
  ExampleBuilder(const DatasetOptions& options, const Tokenizer& tokenizer, Dataset& dataset);

  /// One row of JSON lines: BOS, prompt, completion, EOS. Earlier exchanges stand before, each
  /// ended by EOS and learned likewise; the oldest are left out where all do not fit. A `text` row
  /// that is too long goes on in further examples.
  void add_row(const RenderedRow& row, std::int64_t line);
  /// A conversation in the format. One that is too long loses its oldest exchanges.
  void add_chat(const std::vector<ChatMessage>& messages, const ChatFormat& format,
                const std::string& where, std::int64_t line);
  /// A text without rows: BOS, then blocks of max_length tokens; the last two may be shorter.
  void add_stream(TextStream& text);
  /// What the file's rows hold that nothing reads, to be counted by those who read them.
  UnreadFields& unread() { return report_.unread; }
  /// Throws what was collected: rows without learned tokens, rows whose answer is too long, no
  /// examples at all. Else adds what the file gave to the data set's report, and returns it.
  DatasetReport finish();

 private:
  struct EncodedExchange {
    std::vector<TokenId> bos, prompt, answer;
    std::size_t size() const { return bos.size() + prompt.size() + answer.size(); }
  };
  EncodedExchange encode_exchange(const Exchange& exchange, bool is_first) const;
  void append(const EncodedExchange& exchange, Example& example) const;
  std::size_t add_with_earlier(const RenderedRow& row);
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
