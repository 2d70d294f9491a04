#pragma once

#include "chat/answer_end.h"
#include "chat/conversation_template.h"
#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Bytes [begin, end) of a rendered conversation: what the model writes in one assistant turn, with
/// the special token that ends it. `end_size` is that token's length, or 0 if the turn has none.
struct AnswerSpan {
  std::size_t begin = 0, end = 0;
  bool learned = true;  // the message's
  std::size_t end_size = 0;
};

struct RenderedChat {
  std::string text;
  std::vector<AnswerSpan> answers = {};  // in order
  /// Learned messages whose answers are not in the text as the model wrote them: the template
  /// writes earlier turns anew, as those that drop old reasoning. Each can be learned from the
  /// conversation that ends with it.
  std::vector<std::size_t> rewritten = {};
};

struct AnswerRules {
  /// Whether an empty block of reasoning that the template adds ("<think></think>") is learned; or
  /// else it is context.
  bool learns_empty_reasoning = false;
  /// Whether answers that are not to be learned are left out.
  bool only_learned = true;
};

/// The conversation, and which bytes of it the assistant wrote: what the template's generation
/// blocks wrote, and the token that ends the turn if it follows them; or else what follows the
/// prompt in the conversation that ends with the answer, up to and with the token that ends the
/// turn. Input errors, at `where`: what the template refuses, and answers whose place cannot be
/// told.
RenderedChat render_conversation(const ConversationTemplate& conversation,
                                 const std::optional<AnswerEnd>& end, const Conversation& given,
                                 const AnswerRules& rules, const Tokenizer& tokenizer,
                                 const std::string& where);

}  // namespace expandft
