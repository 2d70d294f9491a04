#pragma once

#include "base/json.h"
#include "text/chat_format.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Whether the row is a conversation: it has "messages" or "conversations".
bool is_chat_row(const Json& row);

/// The row's messages: {"messages": [{"role": "system|user|assistant", "content": …}]}, or
/// {"conversations": [{"from": "system|human|gpt", "value": …}]}. Content is a text, or a list of
/// {"type": "text", "text": …}, whose texts are joined. Input errors, at `where`, for all else.
std::vector<ChatMessage> read_messages(const Json& row, const std::string& where);

/// The conversation without its oldest exchange (what stands before the second question), system
/// messages kept; nothing when no answer would be left.
std::optional<std::vector<ChatMessage>> without_oldest_exchange(
    const std::vector<ChatMessage>& messages);

}  // namespace expandft
