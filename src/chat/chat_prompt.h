#pragma once

#include "chat/chat_format.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <vector>

namespace expandft {

/// A question as the model is given it in its chat format: the text up to where the answer begins,
/// its ids, and those that end the answer.
struct ChatPrompt {
  std::string text;
  std::vector<TokenId> ids, end_tokens;
};

/// `where` names the question in messages. Input errors as render_prompt's.
ChatPrompt chat_prompt(const ChatFormat& format, const std::string& question,
                       const std::string& where, const Tokenizer& tokenizer);

/// The ids of the format's end of an answer.
std::vector<TokenId> answer_end(const ChatFormat& format, const Tokenizer& tokenizer);

/// Whether a plain prompt for the model is likely one for its chat format: it has a chat template
/// that is known here, and the prompt has no turns in it yet.
bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer);

}  // namespace expandft
