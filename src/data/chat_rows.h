#pragma once

#include "base/json.h"
#include "chat/chat_format.h"
#include "data/unread_fields.h"

#include <string>
#include <vector>

namespace expandft {

/// The row's messages: {"messages": [{"role": "system|user|assistant", "content": …}]}, or
/// {"conversations": [{"from": "system|human|gpt", "value": …}]}. Content is a text, or a list of
/// {"type": "text", "text": …}, whose texts are joined. A system text beside the list comes first.
/// "weight" 0 (OpenAI's), "train" false (Axolotl's) and "loss" false (ms-swift's) of an answer say
/// that it is not learned. Other fields of messages are counted. Input errors, at `where`: what is
/// none of these; fields that would change what the model is given (data/row_fields.h); a weight
/// that is not 0 or 1, and one that the role cannot have: what is not the assistant's is learned
/// with `train_on_prompt` and not without.
std::vector<ChatMessage> read_messages(const Json& row, bool train_on_prompt, UnreadFields& unread,
                                       const std::string& where);

/// Where a conversation may begin instead of at its first message: at each question that follows an
/// answer and is followed by one that is learned. In order.
std::vector<std::size_t> later_beginnings(const std::vector<ChatMessage>& messages);
/// The conversation from that message on, with the system messages that stand before it.
std::vector<ChatMessage> beginning_at(const std::vector<ChatMessage>& messages, std::size_t begin);

}  // namespace expandft
