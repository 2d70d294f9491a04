#include "chat/answer_end.h"

#include "base/error.h"
#include "base/python_text.h"

#include <algorithm>
#include <vector>

namespace expandft {
namespace {

/// Whether a token can end a turn: one that is special, or that looks so ("<|end|>", "[/INST]").
bool is_mark(TokenId id, const std::string& token, const Tokenizer& tokenizer) {
  constexpr std::size_t kShortest = 3;
  if (!token.empty() && tokenizer.is_special(id)) return true;
  if (token.size() < kShortest) return false;
  return (token.front() == '<' && token.back() == '>') ||
         (token.front() == '[' && token.back() == ']');
}

/// The special token with which the text begins, but for white space.
std::optional<TextPlace> first_special_token(std::string_view text, const Tokenizer& tokenizer) {
  for (const TokenId id : tokenizer.encode(text, {.continuation = true})) {
    const std::string token = tokenizer.token(id);
    if (!is_mark(id, token, tokenizer)) continue;
    const std::size_t at = text.find(token);
    if (at == text.npos) continue;
    if (!python_strip(text.substr(0, at)).empty()) return std::nullopt;
    return TextPlace{at, at + token.size()};
  }
  return std::nullopt;
}

}  // namespace

std::optional<TextPlace> last_special_token(std::string_view text, const Tokenizer& tokenizer) {
  const std::vector<TokenId> ids = tokenizer.encode(text, {.continuation = true});
  for (std::size_t i = ids.size(); i-- > 0;) {
    const std::string token = tokenizer.token(ids[i]);
    if (!is_mark(ids[i], token, tokenizer)) continue;
    const std::size_t at = text.rfind(token);
    if (at != text.npos) return TextPlace{at, at + token.size()};
  }
  return std::nullopt;
}

std::optional<AnswerEnd> answer_end_of(const ConversationTemplate& conversation,
                                       const Tokenizer& tokenizer) {
  const std::string answer = "expandft-answer";
  Json messages = Json::array(
      {{{"role", "user"}, {"content", "question"}}, {{"role", "assistant"}, {"content", answer}}});
  const auto text_after = [&] {
    const std::string text = conversation.render(messages, false, {}, conversation.where()).text;
    const std::size_t at = text.rfind(answer);
    if (at == text.npos) {
      throw input_error("the chat template does not write the assistant's content",
                        conversation.where());
    }
    return text.substr(at + answer.size());
  };
  const std::string last = text_after();
  messages.push_back({{"role", "user"}, {"content", "question"}});
  const std::string before_question = text_after();
  const auto differs = std::ranges::mismatch(last, before_question).in1;
  // What a conversation ends with may follow the turn's end: "<|end|>\n<|endoftext|>".
  const std::string both(last.begin(), differs);
  auto token = last_special_token(both, tokenizer);
  if (!token) token = last_special_token(last, tokenizer);
  if (!token) {
    const auto next = first_special_token(before_question, tokenizer);
    if (!next) return std::nullopt;
    return AnswerEnd{before_question.substr(next->begin, next->end - next->begin), "", true};
  }
  return AnswerEnd{last.substr(token->begin, token->end - token->begin), last.substr(token->end)};
}

std::string call_end_of(const ConversationTemplate& conversation, const Tokenizer& tokenizer) {
  const std::string name = "expandft_call";
  const Json function = {{"name", name}, {"arguments", Json::object()}};
  const Json calls =
      Json::array({{{"id", "call00000"}, {"type", "function"}, {"function", function}}});
  const Json messages =
      Json::array({{{"role", "user"}, {"content", "question"}},
                   {{"role", "assistant"}, {"content", ""}, {"tool_calls", calls}}});
  const std::string text = conversation.render(messages, false, {}, conversation.where()).text;
  const std::size_t at = text.rfind(name);
  if (at == text.npos) return "";
  const std::string_view after = std::string_view(text).substr(at + name.size());
  const auto last = last_special_token(after, tokenizer);
  const bool ends = last && python_strip(after.substr(last->end)).empty();
  return ends ? std::string(after.substr(last->begin, last->end - last->begin)) : "";
}

}  // namespace expandft
