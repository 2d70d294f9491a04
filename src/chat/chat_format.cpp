#include "chat/chat_format.h"

#include "base/error.h"
#include "base/python_text.h"

#include <algorithm>

namespace expandft {
namespace {

std::string trimmed(const std::string& text, bool trim) {
  return trim ? std::string(python_strip(text)) : text;
}

std::string without_leading_newlines(const std::string& text) {
  return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
}

std::string without_trailing_newlines(const std::string& text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

const char* name_of(ChatRole role) {
  return role == ChatRole::kSystem ? "system" : role == ChatRole::kUser ? "user" : "assistant";
}

void check_order(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                 const std::string& where) {
  bool user_next = true;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatRole role = messages[i].role;
    const std::string place = "message " + std::to_string(i + 1);
    if (role == ChatRole::kSystem) {
      if (format.system == SystemRule::kTurn) continue;
      if (format.system == SystemRule::kRefused) {
        throw input_error(place + " is the system's, which the model's chat format (" +
                              format.name + ") does not allow",
                          where, "put its text at the start of the first user message");
      }
      if (i > 0) {
        throw input_error(place + " is the system's: in the model's chat format (" + format.name +
                              ") only the first can be",
                          where);
      }
      continue;
    }
    if (!format.alternates) continue;
    if ((role == ChatRole::kUser) != user_next) {
      throw input_error(place + " is the " + name_of(role) + "'s, expected the " +
                            (user_next ? "user" : "assistant") +
                            "'s: in the model's chat format (" + format.name +
                            ") user and assistant alternate, the user first",
                        where, "join messages of one role that follow each other");
    }
    user_next = !user_next;
  }
  const bool has_user = std::any_of(messages.begin(), messages.end(),
                                    [](const ChatMessage& m) { return m.role == ChatRole::kUser; });
  if (!messages.empty() && messages[0].role == ChatRole::kSystem && !has_user &&
      format.system != SystemRule::kTurn) {
    throw input_error("the system message needs a user message to be part of, and there is none",
                      where);
  }
}

// Qwen 3: answers after the last question keep their reasoning, earlier ones lose it. The last
// answer always has a block for it, perhaps empty.
std::string thinking_answer(const std::vector<ChatMessage>& messages, std::size_t at) {
  const std::string open = "<think>", close = "</think>";
  std::string content = messages[at].content;
  std::string reasoning;
  const std::size_t first = content.find(close);
  if (first != content.npos) {
    reasoning = without_trailing_newlines(content.substr(0, first));
    const std::size_t begin = reasoning.rfind(open);
    if (begin != reasoning.npos) reasoning.erase(0, begin + open.size());
    reasoning = without_leading_newlines(reasoning);
    content = without_leading_newlines(content.substr(content.rfind(close) + close.size()));
  }
  std::size_t last_question = messages.size() - 1;
  for (std::size_t i = messages.size(); i-- > 0;) {
    const std::string& text = messages[i].content;
    const bool tool = text.starts_with("<tool_response>") && text.ends_with("</tool_response>");
    if (messages[i].role != ChatRole::kUser || tool) continue;
    last_question = i;
    break;
  }
  if (at <= last_question || (at + 1 < messages.size() && reasoning.empty())) return content;
  return open + "\n" + without_trailing_newlines(reasoning) + "\n" + close + "\n\n" +
         without_leading_newlines(content);
}

}  // namespace

RenderedChat render_chat(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                         const std::string& where) {
  check_order(format, messages, where);
  const bool begins_with_system = !messages.empty() && messages[0].role == ChatRole::kSystem;
  const bool folds_system = begins_with_system && format.system != SystemRule::kTurn;
  std::size_t host = messages.size();  // the user message that includes the system text
  for (std::size_t i = 0; folds_system && i < messages.size(); ++i) {
    if (messages[i].role != ChatRole::kUser) continue;
    host = i;
    if (format.system == SystemRule::kFirstUser) break;
  }

  RenderedChat chat;
  std::string& text = chat.text;
  const auto write_system = [&](const std::string& content, bool first) {
    if (content.empty() && format.skips_empty_system) return;
    text += format.system_before + (first ? format.first_system_lead : "") +
            trimmed(content, format.system_trim) + format.system_after;
  };
  text = format.start;
  if (format.default_system && !begins_with_system) write_system(*format.default_system, true);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role == ChatRole::kSystem) {
      if (!folds_system) write_system(message.content, i == 0);
    } else if (message.role == ChatRole::kUser) {
      const std::string prefix =
          i == host ? format.system_before + messages[0].content + format.system_after : "";
      text += format.user_before;
      text += format.trims_joined ? trimmed(prefix + message.content, format.user_trim)
                                  : prefix + trimmed(message.content, format.user_trim);
      text += format.user_after;
    } else {
      text += format.answer_before;
      const std::size_t begin = text.size();
      text += format.answer_lead;
      text += format.thinks ? thinking_answer(messages, i)
                            : trimmed(message.content, format.answer_trim);
      text += format.answer_tail + format.answer_end;
      chat.answers.push_back({begin, text.size(), message.learned});
      text += format.answer_after;
    }
  }
  text += format.finish;
  return chat;
}

std::string render_prompt(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                          const std::string& where) {
  std::string text = render_chat(format, messages, where).text;
  text.resize(text.size() - format.finish.size());
  return text + format.answer_before;
}

}  // namespace expandft
