#pragma once

#include "base/json.h"
#include "chat/chat_format.h"
#include "data/row_fields.h"

#include <string>
#include <vector>

namespace expandft {

/// The row's messages: {"messages": [{"role": "system|user|assistant", "content": …}]}, or
/// {"conversations": [{"from": "system|human|gpt", "value": …}]}. Content is a text, or a list of
/// {"type": "text", "text": …}, whose texts are joined. A system text beside the list comes first.
/// An answer with "weight" 0 (OpenAI), "train" false (Axolotl) or "loss" false (ms-swift) is not
/// learned. Other fields of messages are counted. Input errors, at `where`: other content; fields
/// that would change what the model reads (data/row_fields.h); a weight that is not 0 or 1, and one
/// that the role cannot have: messages of other roles than the assistant are learned
/// with `train_on_prompt` and not without.
std::vector<ChatMessage> read_messages(const Json& row, bool train_on_prompt, UnreadFields& unread,
                                       const std::string& where);

/// Where a conversation can begin other than at its first message: at each question that follows an
/// answer and precedes a learned one. In order.
std::vector<std::size_t> later_beginnings(const std::vector<ChatMessage>& messages);
/// The conversation from that message on, with the system messages before it.
std::vector<ChatMessage> beginning_at(const std::vector<ChatMessage>& messages, std::size_t begin);

}  // namespace expandft
