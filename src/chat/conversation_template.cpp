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

bool is_assistants(const Json& message) {
  const auto role = message.find("role");
  return role != message.end() && *role == "assistant";
}

/// The first messages of a list.
Json first_of(const Json& messages, std::size_t count) {
  Json first = Json::array();
  for (std::size_t i = 0; i < count; ++i) first.push_back(messages[i]);
  return first;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

/// Finds the place of each answer in the rendered conversation.
class AnswerFinder {
 public:
  AnswerFinder(const ConversationTemplate& conversation, const Json& messages,
               const ConversationContext& context, const std::string& answer_end,
               const std::string& where)
      : conversation_(conversation),
        messages_(messages),
        context_(context),
        answer_end_(answer_end),
        where_(where),
        text_(conversation.render(messages, false, context, where).text) {}

  const std::string& text() const { return text_; }

  AnswerSpan find(std::size_t message) const {
    AnswerSpan answer;
    answer.begin = beginning(message);
    answer.end = ending(message, answer.begin);
    return answer;
  }

 private:
  [[noreturn]] void fail(std::size_t message, const std::string& why) const {
    throw input_error("what the assistant wrote in message " + std::to_string(message + 1) +
                          " cannot be told from the chat template's text: " + why,
                      where_, "mark answers in the template with {% generation %}");
  }

  std::size_t beginning(std::size_t message) const {
    if (message == 0) return first_beginning();
    const std::string before = conversation_.prompt(first_of(messages_, message), context_, where_);
    if (!text_.starts_with(before)) {
      fail(message, "the prompt for it is not how the conversation begins");
    }
    return before.size();
  }

  /// An answer that nothing precedes begins after what a prompt adds to a question.
  std::size_t first_beginning() const {
    const Json question = Json::array({{{"role", "user"}, {"content", "a"}}});
    const std::string asked = conversation_.render(question, false, context_, where_).text;
    const std::string prompt = conversation_.prompt(question, context_, where_);
    const std::string added = prompt.starts_with(asked) ? prompt.substr(asked.size()) : "";
    const std::size_t at = added.empty() ? text_.npos : text_.find(added);
    if (at == text_.npos) fail(0, "nothing precedes it");
    return at + added.size();
  }

  std::size_t ending(std::size_t message, std::size_t begin) const {
    // The last end of a turn in the conversation up to the answer.
    const std::string through =
        conversation_.render(first_of(messages_, message + 1), false, context_, where_).text;
    const std::size_t last = through.rfind(answer_end_);
    if (last != through.npos && last >= begin) {
      const std::size_t end = last + answer_end_.size();
      if (text_.compare(0, end, through, 0, end) == 0) return end;
    }
    // Templates that write earlier answers differently, without their reasoning: the answer's own
    // text may contain the end of a turn, and that many are part of it.
    const Json& content = messages_[message].value("content", Json());
    std::size_t ends =
        1 +
        (content.is_string() ? occurrences(content.get_ref<const std::string&>(), answer_end_) : 0);
    std::size_t end = begin;
    for (; ends > 0; --ends) {
      const std::size_t at = text_.find(answer_end_, end);
      if (at == text_.npos) fail(message, "the token that ends a turn is missing");
      end = at + answer_end_.size();
    }
    return end;
  }

  const ConversationTemplate& conversation_;
  const Json& messages_;
  const ConversationContext& context_;
  const std::string& answer_end_;
  const std::string& where_;
  const std::string text_;
};

}  // namespace

ConversationTemplate::ConversationTemplate(const ChatTemplate& source, Json special_tokens)
    : template_(source.text, source.where), special_tokens_(std::move(special_tokens)) {}

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

std::string text_after_answers(const ConversationTemplate& conversation) {
  const std::string sentinel = "expandft-answer";
  const Json messages = Json::array({{{"role", "user"}, {"content", "question"}},
                                     {{"role", "assistant"}, {"content", sentinel}}});
  const std::string text = conversation.render(messages, false, {}, "chat template").text;
  const std::size_t at = text.rfind(sentinel);
  if (at == text.npos) {
    throw input_error("the chat template does not write the assistant's content", "chat template");
  }
  return text.substr(at + sentinel.size());
}

RenderedChat render_conversation(const ConversationTemplate& conversation, const Json& messages,
                                 const std::vector<bool>& learned,
                                 const ConversationContext& context, const std::string& answer_end,
                                 const std::string& where) {
  std::vector<std::size_t> assistants;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (is_assistants(messages[i])) assistants.push_back(i);
  }
  RenderedChat chat;
  if (conversation.has_generation()) {
    jinja::Rendering rendering = conversation.render(messages, false, context, where);
    if (rendering.has_hidden_generation || rendering.generated.size() != assistants.size()) {
      throw input_error("the chat template marks " + std::to_string(rendering.generated.size()) +
                            " answers, and the conversation has " +
                            std::to_string(assistants.size()),
                        where);
    }
    for (std::size_t i = 0; i < assistants.size(); ++i) {
      const jinja::GeneratedSpan& span = rendering.generated[i];
      chat.answers.push_back({span.begin, span.end, learned[assistants[i]]});
    }
    chat.text = std::move(rendering.text);
    return chat;
  }
  const AnswerFinder finder(conversation, messages, context, answer_end, where);
  for (const std::size_t message : assistants) {
    chat.answers.push_back(finder.find(message));
    chat.answers.back().learned = learned[message];
  }
  chat.text = finder.text();
  return chat;
}

}  // namespace expandft
