#pragma once

#include "base/json.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// What a chat template is given besides the messages.
struct ConversationContext {
  Json tools = nullptr;          // null, or a list of JSON schemas
  Json kwargs = Json::object();  // "chat_template_kwargs": the template's own switches
};

/// A conversation as chat templates read it. Each message is an object with a "role" (system,
/// developer, user, assistant or tool), a text "content" and, of the assistant, "tool_calls" and
/// "reasoning_content".
struct Conversation {
  Json messages = Json::array();
  std::vector<bool> learned = {};  // of each message
  ConversationContext context = {};
};

inline bool has_role(const Json& message, const char* role) {
  const auto found = message.find("role");
  return found != message.end() && *found == role;
}

/// A message's content if it is a text, or "".
inline std::string content_of(const Json& message) {
  const auto found = message.find("content");
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The assistant's reasoning beside its content, or "".
inline std::string reasoning_of(const Json& message) {
  for (const char* const name : {"reasoning_content", "thinking", "reasoning"}) {
    const auto found = message.find(name);
    if (found != message.end() && found->is_string()) return found->get<std::string>();
  }
  return "";
}

/// The conversation's first messages.
inline Conversation first_messages(const Conversation& conversation, std::size_t count) {
  Conversation first{.context = conversation.context};
  for (std::size_t i = 0; i < count; ++i) {
    first.messages.push_back(conversation.messages[i]);
    first.learned.push_back(conversation.learned[i]);
  }
  return first;
}

}  // namespace expandft
