#include "chat/conversation_template.h"

#include "base/error.h"

#include <array>
#include <utility>

namespace expandft {
namespace {

/// transformers' _normalize_chat_messages and _alias_reasoning_fields.
Json as_given_to_templates(const Json& messages) {
  constexpr std::array<const char*, 3> kReasoning = {"reasoning_content", "thinking", "reasoning"};
  Json given = Json::array();
  for (const Json& message : messages) {
    Json kept = Json::object();
    for (const auto& [name, value] : message.items()) {
      if (!value.is_null()) kept[name] = value;
    }
    for (const char* name : kReasoning) {
      if (!kept.contains(name)) continue;
      const Json reasoning = kept[name];
      if (!kept.contains("thinking")) {
        Json with_thinking = {{"thinking", reasoning}};
        with_thinking.update(kept);
        kept = std::move(with_thinking);
      }
      kept["reasoning_content"] = reasoning;
      break;
    }
    given.push_back(std::move(kept));
  }
  return given;
}

std::tm fixed_date() {
  std::tm date = {};
  date.tm_year = 124;
  date.tm_mon = 6;
  date.tm_mday = 26;
  date.tm_wday = 5;
  date.tm_yday = 207;
  return date;
}

}  // namespace

ConversationTemplate::ConversationTemplate(const ChatTemplate& source, Json special_tokens)
    : template_(source.text, source.where),
      text_(source.text),
      special_tokens_(std::move(special_tokens)) {}

jinja::Rendering ConversationTemplate::render(const Json& messages, bool generation_prompt,
                                              const ConversationContext& context,
                                              const std::string& where) const {
  Json variables = special_tokens_;
  for (const auto& [name, value] : context.kwargs.items()) variables[name] = value;
  variables["messages"] = as_given_to_templates(messages);
  variables["tools"] = context.tools;
  if (!variables.contains("documents")) variables["documents"] = nullptr;
  variables["add_generation_prompt"] = generation_prompt;
  jinja::RenderOptions options;
  options.now = fixed_date();
  try {
    return template_.render(variables, options);
  } catch (const Error& error) {
    throw input_error(error.message() + " (" + error.where() + ")", where, error.hint());
  }
}

}  // namespace expandft
