#pragma once

#include "base/json.h"
#include "chat/conversation.h"
#include "data/rows/row_fields.h"

#include <string>
#include <vector>

namespace expandft {

/// The row's conversation: {"messages": [{"role": …, "content": …}]} with the roles system,
/// developer, user, assistant and tool, or ShareGPT's {"conversations": [{"from": …, "value": …}]}
/// with system, human, gpt, function_call, observation and tool.
/// - Content is a text, or a list of {"type": "text", "text": …}, whose texts are joined; null in
///   an answer with tool calls.
/// - An assistant's message can have "tool_calls" (arguments as an object, or as its JSON text,
///   which becomes one) and "reasoning_content" ("reasoning", "thinking"); a tool's message "name"
///   and "tool_call_id".
/// - Beside the list: "tools" (a list, or its JSON text; or OpenAI's older "functions"),
///   "chat_template_kwargs", and a system text, which comes first.
/// - An answer with "weight" 0 (OpenAI), "train" false (Axolotl) or "loss" false (ms-swift) is not
///   learned.
/// Other fields of messages are counted. Input errors, at `where`: other content; fields that would
/// change what the model reads (data/rows/row_fields.h); a weight that is not 0 or 1, and one that
/// the role cannot have: messages of other roles than the assistant are learned with
/// `train_on_prompt` and not without.
Conversation read_conversation(const Json& row, bool train_on_prompt, UnreadFields& unread,
                               const std::string& where);

/// Where a conversation can begin other than at its first message: at each question that follows an
/// answer and precedes a learned one. In order.
std::vector<std::size_t> later_beginnings(const Conversation& conversation);
/// The conversation from that message on, with the system messages before it.
Conversation beginning_at(const Conversation& conversation, std::size_t begin);

}  // namespace expandft
