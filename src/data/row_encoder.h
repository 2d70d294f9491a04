#pragma once

#include "chat/model_chat.h"
#include "data/dataset.h"
#include "data/rows.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// Ids of a prompt and of the completion that follows it. Together they are the ids of the joined
/// text, unless the prompt's last token would merge with the completion: then both are encoded
/// separately, so that the completion's ids decode to its exact text.
struct PromptAndCompletion {
  std::vector<TokenId> prompt, completion;
};
/// `continuation`: other tokens precede the prompt.
PromptAndCompletion encode_prompt_and_completion(const Tokenizer& tokenizer,
                                                 const std::string& prompt,
                                                 const std::string& completion,
                                                 bool continuation = false);

/// What becomes of a row.
struct EncodedRow {
  enum class Kind {
    kExample,
    kText,       // tokens to be cut into blocks
    kUnlearned,  // none of its tokens would be learned
    kTooLong,    // no example: it has `tokens`, more than fit
  };
  std::int64_t line = 0;
  bool is_conversation = false;
  bool is_part = false;  // another example of a row that was counted already
  Kind kind = Kind::kUnlearned;
  Example example;
  std::size_t tokens = 0;
  std::size_t truncated_tokens = 0;  // of an example
};

/// Encodes rows. Threads may share it.
class RowEncoder {
 public:
  /// Both must outlive the encoder.
  RowEncoder(const DatasetOptions& options, const Tokenizer& tokenizer);

  /// BOS, prompt, completion, EOS. Earlier exchanges come first, each ended by EOS and learned in
  /// the same way; the oldest are dropped if not all fit.
  EncodedRow encode(const RenderedRow& row, std::int64_t line) const;
  /// A conversation as the model's chat template writes it. The oldest exchanges are dropped if not
  /// all fit. More than one example if the template writes an earlier answer anew, as those that
  /// drop old reasoning: that answer is learned from the conversation that ends with it.
  std::vector<EncodedRow> encode(Conversation conversation, const ModelChat& chat,
                                 const std::string& where, std::int64_t line) const;

 private:
  struct EncodedExchange {
    std::vector<TokenId> bos, prompt, answer;
    std::size_t size() const { return bos.size() + prompt.size() + answer.size(); }
  };
  EncodedExchange encode_exchange(const Exchange& exchange, bool is_first) const;
  void append(const EncodedExchange& exchange, Example& example) const;
  std::size_t encode_with_earlier(const RenderedRow& row, EncodedRow& encoded) const;
  std::size_t tokens_of(const Conversation& conversation, const ModelChat& chat,
                        const std::string& where) const;
  /// Of a conversation that is too long: the part from the earliest start from which the rest
  /// fits, or else from the last one.
  Conversation shortened(const Conversation& conversation, const ModelChat& chat,
                         const std::string& where) const;
  EncodedRow encode_part(const Conversation& conversation, const ModelChat& chat, bool is_part,
                         const std::string& where, std::vector<std::size_t>& rewritten) const;

  const DatasetOptions& options_;
  const Tokenizer& tokenizer_;
  const std::size_t max_length_;
};

}  // namespace expandft
