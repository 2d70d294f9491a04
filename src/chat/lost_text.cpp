#include "chat/lost_text.h"

#include "base/error.h"
#include "base/python_text.h"
#include "chat/empty_reasoning.h"

#include <algorithm>

namespace expandft {
namespace {

/// What a tool or a call has under "function", or else itself.
const Json& function_of(const Json& value) {
  static const Json none = Json::object();
  if (!value.is_object()) return none;
  return value.contains("function") && value["function"].is_object() ? value["function"] : value;
}

std::string name_of(const Json& function) {
  return function.contains("name") && function["name"].is_string()
             ? function["name"].get<std::string>()
             : "";
}

/// Some templates write a text as JSON.
std::string as_json(const std::string& text) {
  const std::string quoted = Json(text).dump();
  return quoted.substr(1, quoted.size() - 2);
}

bool is_written(const std::string& text, std::string_view in) {
  const std::string stripped(python_strip(text));
  return in.find(stripped) != in.npos || in.find(as_json(stripped)) != in.npos;
}

[[noreturn]] void fail(std::size_t message, const std::string& what,
                       const ConversationTemplate& conversation, const std::string& where,
                       const std::string& hint) {
  throw input_error("the chat template (" + conversation.where() + ") leaves out " + what +
                        " of message " + std::to_string(message + 1),
                    where, hint);
}

void check_calls(const Json& message, std::size_t at, const ConversationTemplate& conversation,
                 std::string_view text, const std::string& where) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array()) return;
  const char* const hint =
      "name a template that writes tool calls with data.chat_template, or --chat-template";
  for (const Json& call : *calls) {
    const Json& function = function_of(call);
    const std::string name = name_of(function);
    if (!is_written(name, text)) fail(at, "the call of " + name, conversation, where, hint);
    if (!function.contains("arguments") || !function["arguments"].is_object()) continue;
    for (const auto& [key, value] : function["arguments"].items()) {
      const bool written = is_written(key, text) &&
                           (!value.is_string() || is_written(value.get<std::string>(), text));
      if (!written) {
        fail(at, "the argument " + key + " of the call of " + name, conversation, where, hint);
      }
    }
  }
}

void check_tools(const Json& tools, const ConversationTemplate& conversation, std::string_view text,
                 const std::string& where) {
  if (tools.is_null() || tools.empty()) return;
  for (const Json& tool : tools) {
    if (conversation.mentions("tools") && is_written(name_of(function_of(tool)), text)) continue;
    throw input_error("the chat template (" + conversation.where() + ") has no place for tools",
                      where,
                      "name a template that has one with data.chat_template, or --chat-template");
  }
}

/// Whether the template writes the text of a message. A short one could stand in the result by
/// chance, so that another text takes its place.
bool writes(const ConversationTemplate& conversation, const Conversation& given, std::size_t at,
            std::string_view text, const std::string& where) {
  constexpr std::size_t kShort = 8;
  const std::string content = content_of(given.messages[at]);
  const std::string stripped(python_strip(content));
  const bool is_short = !stripped.empty() && stripped.size() <= kShort;
  if (!is_short || !is_system(given.messages[at])) return is_written(content, text);
  Json changed = given.messages;
  changed[at]["content"] = "expandft-" + stripped;
  const std::string other = conversation.render(changed, false, given.context, where).text;
  return is_written("expandft-" + stripped, other);
}

}  // namespace

void check_nothing_is_lost(const ConversationTemplate& conversation, const Conversation& given,
                           std::string_view text, const std::string& where) {
  check_tools(given.context.tools, conversation, text, where);
  for (std::size_t i = 0; i < given.messages.size(); ++i) {
    const Json& message = given.messages[i];
    check_calls(message, i, conversation, text, where);
    const std::string content = content_of(message);
    // Templates take reasoning out of a content: what is left cannot be compared.
    if (ends_reasoning(content) || writes(conversation, given, i, text, where)) continue;
    fail(i, "the text", conversation, where,
         is_system(message)
             ? "put it into a user message, or name a template that writes system messages "
               "with data.chat_template, or --chat-template"
             : "name another template with data.chat_template, or --chat-template");
  }
}

void check_nothing_is_lost(const ConversationTemplate& conversation, const Conversation& given,
                           const RenderedChat& chat, const std::string& where) {
  check_nothing_is_lost(conversation, given, chat.text, where);
  for (std::size_t i = 0; i < given.messages.size(); ++i) {
    if (!given.learned[i] || std::ranges::find(chat.rewritten, i) != chat.rewritten.end()) continue;
    const std::string reasoning = reasoning_of(given.messages[i]);
    if (is_written(reasoning, chat.text)) continue;
    fail(i, "the reasoning", conversation, where,
         "remove the field to learn the answer alone, or name a template that writes reasoning "
         "with data.chat_template, or --chat-template");
  }
}

}  // namespace expandft
