#include "chat/rendered_chat.h"

#include "base/error.h"
#include "base/python_text.h"
#include "chat/empty_reasoning.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

[[noreturn]] void fail(std::size_t message, const std::string& why, const std::string& where) {
  throw input_error("what the assistant wrote in message " + std::to_string(message + 1) +
                        " cannot be told from the chat template's text: " + why,
                    where,
                    "mark answers in the template with {% generation %}, or name another one with "
                    "data.chat_template, or --chat-template");
}

[[noreturn]] void fail_endless(std::size_t message, std::string_view answer,
                               const std::string& where) {
  constexpr std::size_t kShown = 24;
  const std::string_view end = answer.substr(answer.size() - std::min(answer.size(), kShown));
  throw input_error("no special token of the model's tokenizer ends the answer of message " +
                        std::to_string(message + 1) + ", which ends with " +
                        json_excerpt(std::string(end)),
                    where,
                    "without one the model never learns to stop; name the chat template that the "
                    "model was trained with: data.chat_template, or --chat-template");
}

/// Finds the answers in a conversation by rendering the conversations that end before and after
/// each of them.
class AnswerFinder {
 public:
  AnswerFinder(const ConversationTemplate& conversation, const std::optional<AnswerEnd>& end,
               const Conversation& given, const Tokenizer& tokenizer, const std::string& where,
               const std::string& text)
      : conversation_(conversation),
        end_(end),
        given_(given),
        tokenizer_(tokenizer),
        where_(where),
        text_(text) {}

  /// The answer's place, or nothing if the conversation does not have it as it was first rendered.
  std::optional<AnswerSpan> find(std::size_t message, const AnswerRules& rules) const {
    const bool is_last = message + 1 == given_.messages.size();
    const std::string own = is_last ? "" : rendered(message + 1);
    const std::string& through = is_last ? text_ : own;
    std::size_t begin = beginning(message, through);
    const TextPlace token = ending(message, begin, through);
    if (!rules.learns_empty_reasoning && !has_reasoning(given_.messages[message])) {
      const std::string_view whole = through;
      begin +=
          leading_empty_reasoning(whole.substr(begin, token.begin - begin), whole.substr(0, begin));
    }
    AnswerSpan answer{begin, token.end, given_.learned[message], token.end - token.begin};
    if (text_.compare(0, answer.end, through, 0, answer.end) == 0) return answer;
    // Earlier answers may lack the empty block of reasoning before them, which is context.
    std::string_view head = std::string_view(through).substr(0, begin);
    head.remove_suffix(trailing_empty_reasoning(head));
    const std::string_view written = std::string_view(through).substr(begin, answer.end - begin);
    const std::string_view whole = text_;
    if (!whole.starts_with(head) || !whole.substr(head.size()).starts_with(written)) {
      return std::nullopt;
    }
    answer.begin = head.size();
    answer.end = head.size() + written.size();
    return answer;
  }

  static bool has_reasoning(const Json& message) {
    return !python_strip(reasoning_of(message)).empty() || ends_reasoning(content_of(message));
  }

 private:
  /// The conversation that ends with an answer.
  std::string rendered(std::size_t count) const {
    std::string text = conversation_.render(first(count), false, given_.context, where_).text;
    if (end_ && end_->begins_next_turn) text += end_->token;
    return text;
  }

  Json first(std::size_t count) const { return first_of(given_.messages, count); }

  std::size_t beginning(std::size_t message, const std::string& through) const {
    if (message == 0) return first_beginning(through);
    const std::string before = conversation_.prompt(first(message), given_.context, where_);
    if (through.starts_with(before)) return before.size();
    // A prompt may go on with the beginning of an answer, such as "<think>", where the answer
    // begins in another way. What it begins with, up to the end of a line or a token, is context.
    const std::string history =
        conversation_.render(first(message), false, given_.context, where_).text;
    if (before.starts_with(history)) {
      std::size_t end = before.size();
      while ((end = before.find_last_of("\n>]", end - 1)) != before.npos && end >= history.size()) {
        if (through.compare(0, end + 1, before, 0, end + 1) == 0) return end + 1;
        if (end == 0) break;
      }
    }
    fail(message, "the prompt for it is not how the conversation begins", where_);
  }

  /// An answer that nothing precedes begins after what a prompt adds to a question.
  std::size_t first_beginning(const std::string& through) const {
    const Json question = Json::array({{{"role", "user"}, {"content", "a"}}});
    const std::string asked = conversation_.render(question, false, given_.context, where_).text;
    const std::string prompt = conversation_.prompt(question, given_.context, where_);
    const std::string added = prompt.starts_with(asked) ? prompt.substr(asked.size()) : "";
    const std::size_t at = added.empty() ? through.npos : through.find(added);
    if (at == through.npos) fail(0, "nothing precedes it", where_);
    return at + added.size();
  }

  /// The place of the token that ends the turn.
  TextPlace ending(std::size_t message, std::size_t begin, const std::string& through) const {
    const std::string_view answer = std::string_view(through).substr(begin);
    if (end_ && answer.ends_with(end_->token + end_->finish)) {
      const std::size_t end = through.size() - end_->finish.size();
      return {end - end_->token.size(), end};
    }
    // A turn of tool calls may end with another token.
    const auto last = last_special_token(answer, tokenizer_);
    const bool ends = last && python_strip(answer.substr(last->end)).empty();
    if (!ends) fail_endless(message, answer, where_);
    return {begin + last->begin, begin + last->end};
  }

  const ConversationTemplate& conversation_;
  const std::optional<AnswerEnd>& end_;
  const Conversation& given_;
  const Tokenizer& tokenizer_;
  const std::string& where_;
  const std::string& text_;
};

std::vector<std::size_t> assistants_of(const Conversation& given) {
  std::vector<std::size_t> assistants;
  for (std::size_t i = 0; i < given.messages.size(); ++i) {
    if (has_role(given.messages[i], "assistant")) assistants.push_back(i);
  }
  return assistants;
}

/// Whether the answer, which has reasoning, is written in the same way when nothing follows it.
bool is_kept(const ConversationTemplate& conversation, const Conversation& given,
             std::size_t message, std::string_view written, const std::string& where) {
  const Conversation first = first_messages(given, message + 1);
  const jinja::Rendering own = conversation.render(first.messages, false, given.context, where);
  if (own.generated.empty()) return false;
  const auto& [begin, end] = own.generated.back();
  return std::string_view(own.text).substr(begin, end - begin) == written;
}

RenderedChat with_generation(const ConversationTemplate& conversation,
                             const std::optional<AnswerEnd>& end, const Conversation& given,
                             const AnswerRules& rules, const jinja::Rendering& rendering,
                             const std::vector<std::size_t>& assistants, const Tokenizer& tokenizer,
                             const std::string& where) {
  RenderedChat chat{.text = rendering.text};
  const std::string_view text = chat.text;
  for (std::size_t i = 0; i < assistants.size(); ++i) {
    const std::size_t message = assistants[i];
    if (rules.only_learned && !given.learned[message]) continue;
    auto [begin, end_at] = rendering.generated[i];
    const std::string_view written = text.substr(begin, end_at - begin);
    const bool reasons = AnswerFinder::has_reasoning(given.messages[message]);
    if (reasons && given.learned[message] && message + 1 < given.messages.size() &&
        !is_kept(conversation, given, message, written, where)) {
      chat.rewritten.push_back(message);
      continue;
    }
    if (!reasons && !rules.learns_empty_reasoning) {
      begin += leading_empty_reasoning(written, text.substr(0, begin));
    }
    // Blocks that leave out the end of the turn would teach the model never to stop.
    if (end && !written.ends_with(end->token) && text.substr(end_at).starts_with(end->token)) {
      end_at += end->token.size();
    }
    const bool ends = end && text.substr(begin, end_at - begin).ends_with(end->token);
    if (!end && given.learned[message] && !last_special_token(written, tokenizer)) {
      fail_endless(message, written, where);
    }
    chat.answers.push_back({begin, end_at, given.learned[message], ends ? end->token.size() : 0});
  }
  return chat;
}

}  // namespace

RenderedChat render_conversation(const ConversationTemplate& conversation,
                                 const std::optional<AnswerEnd>& end, const Conversation& given,
                                 const AnswerRules& rules, const Tokenizer& tokenizer,
                                 const std::string& where) {
  const std::vector<std::size_t> assistants = assistants_of(given);
  jinja::Rendering rendering = conversation.render(given.messages, false, given.context, where);
  if (conversation.has_generation() && !rendering.has_hidden_generation &&
      rendering.generated.size() == assistants.size()) {
    return with_generation(conversation, end, given, rules, rendering, assistants, tokenizer,
                           where);
  }
  RenderedChat chat{.text = std::move(rendering.text)};
  const bool is_answered = !assistants.empty() && assistants.back() + 1 == given.messages.size();
  if (is_answered && end && end->begins_next_turn) chat.text += end->token;
  const AnswerFinder finder(conversation, end, given, tokenizer, where, chat.text);
  for (const std::size_t message : assistants) {
    if (rules.only_learned && !given.learned[message]) continue;
    if (const auto answer = finder.find(message, rules)) {
      chat.answers.push_back(*answer);
    } else if (given.learned[message]) {
      chat.rewritten.push_back(message);
    }
  }
  return chat;
}

}  // namespace expandft
