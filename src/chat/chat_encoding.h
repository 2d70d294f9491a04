#pragma once

#include "chat/chat_format.h"
#include "tokenizer/example.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <vector>

namespace expandft {

/// Ids of a rendered conversation, with the learned ones: those of the answers that are to be
/// learned, each with its end-of-turn token. With `train_on_prompt` also everything between the
/// answers. As in transformers the whole text is encoded, so BOS is there only if the format writes
/// it. A token that begins before an answer and extends into it is learned.
Example encode_chat(const RenderedChat& chat, const ChatFormat& format, bool train_on_prompt,
                    const Tokenizer& tokenizer);

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

}  // namespace expandft
