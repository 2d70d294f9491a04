#pragma once

#include "chat/rendered_chat.h"
#include "tokenizer/example.h"
#include "tokenizer/tokenizer.h"

namespace expandft {

/// Ids of a rendered conversation, with the learned ones: those of the answers that are to be
/// learned. With `train_on_prompt` also everything between the answers. As in transformers the
/// whole text is encoded, so BOS is there only if the template writes it. A token that begins
/// before an answer and extends into it is learned, one that extends beyond its end is not.
Example encode_chat(const RenderedChat& chat, bool train_on_prompt, const Tokenizer& tokenizer);

}  // namespace expandft
