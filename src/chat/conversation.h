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

/// Whether it is a system message, by either of its roles.
inline bool is_system(const Json& message) {
  return has_role(message, "system") || has_role(message, "developer");
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

/// The first elements of a list.
inline Json first_of(const Json& list, std::size_t count) {
  Json first = Json::array();
  for (std::size_t i = 0; i < count; ++i) first.push_back(list[i]);
  return first;
}

/// The conversation's first messages.
inline Conversation first_messages(const Conversation& conversation, std::size_t count) {
  const auto begin = conversation.learned.begin();
  return {.messages = first_of(conversation.messages, count),
          .learned = {begin, begin + static_cast<std::ptrdiff_t>(count)},
          .context = conversation.context};
}

}  // namespace expandft
