#pragma once

#include "chat/conversation_template.h"
#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// How a chat template ends the assistant's turn.
struct AnswerEnd {
  std::string token;   // the text of the special token that the model writes last: "<|im_end|>"
  std::string finish;  // what follows it at the end of a conversation: "\n"
  /// Whether the template writes the token only before the next turn (Apertus, GLM): then it is
  /// added to a conversation that ends with an answer.
  bool begins_next_turn = false;
};

/// Found by rendering an answer at the end of a conversation, and before another question. Nothing
/// if the template writes no special token after an answer in either. Input errors: the template
/// refuses a question and an answer, or does not write the answer.
std::optional<AnswerEnd> answer_end_of(const ConversationTemplate& conversation,
                                       const Tokenizer& tokenizer);

/// The text of the special token that ends a turn of tool calls, or "" if there is none. Input
/// errors: the template refuses calls.
std::string call_end_of(const ConversationTemplate& conversation, const Tokenizer& tokenizer);

/// Bytes [begin, end) of a text.
struct TextPlace {
  std::size_t begin = 0, end = 0;
};

/// The last token in the text that can end a turn: one that is special, or that looks so
/// ("<|end|>", "[/INST]").
std::optional<TextPlace> last_special_token(std::string_view text, const Tokenizer& tokenizer);

}  // namespace expandft
