#pragma once

#include "chat/chat_format.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <vector>

namespace expandft {

/// A question in the model's chat format: the text up to where the answer begins, its ids, and the
/// ids that end the answer.
struct ChatPrompt {
  std::string text;
  std::vector<TokenId> ids, end_tokens;
};

/// `where` names the question in messages. Input errors as in render_prompt.
ChatPrompt chat_prompt(const ChatFormat& format, const std::string& question,
                       const std::string& where, const Tokenizer& tokenizer);

/// The ids that end an answer.
std::vector<TokenId> answer_end(const ChatFormat& format, const Tokenizer& tokenizer);

/// Whether a plain prompt was probably meant for the model's chat format: the model has a known
/// chat template, and the prompt has no turns.
bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer);

}  // namespace expandft
