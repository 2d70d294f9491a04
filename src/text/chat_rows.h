#pragma once

#include "base/json.h"
#include "text/chat_format.h"

#include <string>
#include <vector>

namespace expandft {

/// Whether the row is a conversation: it has "messages" or "conversations".
bool is_chat_row(const Json& row);

/// The row's messages: {"messages": [{"role": "system|user|assistant", "content": …}]}, or
/// {"conversations": [{"from": "system|human|gpt", "value": …}]}. Content is a text, or a list of
/// {"type": "text", "text": …}, whose texts are joined. Input errors, at `where`, for all else.
std::vector<ChatMessage> read_messages(const Json& row, const std::string& where);

/// Where a conversation may begin instead of at its first message: at each question that follows an
/// answer and is followed by one. In order.
std::vector<std::size_t> later_beginnings(const std::vector<ChatMessage>& messages);
/// The conversation from that message on, with the system messages that stand before it.
std::vector<ChatMessage> beginning_at(const std::vector<ChatMessage>& messages, std::size_t begin);

}  // namespace expandft
