#pragma once

#include "chat/chat_format.h"
#include "tokenizer/example.h"
#include "tokenizer/tokenizer.h"

namespace expandft {

/// Ids of a rendered conversation, and which of them are learned: those of the answers, each with
/// its end-of-turn token, but for answers that are not to be learned; with `train_on_prompt` all
/// that stands between the answers too. The text is encoded whole, as transformers does, so BOS is
/// there where the format writes it. A token that begins before an answer and reaches into it is
/// learned.
Example encode_chat(const RenderedChat& chat, const ChatFormat& format, bool train_on_prompt,
                    const Tokenizer& tokenizer);

}  // namespace expandft
