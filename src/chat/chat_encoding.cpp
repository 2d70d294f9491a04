#include "chat/chat_encoding.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace expandft {
namespace {

/// A text's ids, and the number of ids before each of some borders.
class BorderedIds {
 public:
  BorderedIds(std::string_view text, const std::vector<std::size_t>& borders,
              const Tokenizer& tokenizer) {
    std::size_t begin = 0;
    const auto append = [&](std::size_t end) {
      const std::vector<TokenId> part =
          tokenizer.encode(text.substr(begin, end - begin), {.continuation = begin > 0});
      ids.insert(ids.end(), part.begin(), part.end());
      begin = end;
    };
    for (const std::size_t border : borders) {
      if (border <= begin) continue;
      append(border);
      counts_.emplace(border, ids.size());
    }
    append(text.size());
  }

  /// Nothing for a place that is not a border.
  std::optional<std::size_t> count_before(std::size_t place) const {
    const auto found = counts_.find(place);
    return found == counts_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<TokenId> ids;

 private:
  std::map<std::size_t, std::size_t> counts_ = {{0, 0}};
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

/// The last border before each answer, and the place of the token that ends it.
std::vector<std::size_t> borders_of(const RenderedChat& chat, const ChatFormat& format,
                                    const Tokenizer& tokenizer) {
  const std::string_view text = chat.text;
  std::vector<std::size_t> borders;
  std::size_t begin = 0;
  for (const AnswerSpan& answer : chat.answers) {
    borders.push_back(tokenizer.last_border(text.substr(0, answer.begin), begin));
    begin = answer.end - format.answer_end.size();
    if (tokenizer.last_border(text.substr(0, answer.end), begin - 1) == begin) {
      borders.push_back(begin);
    }
  }
  return borders;
}

}  // namespace

Example encode_chat(const RenderedChat& chat, const ChatFormat& format, bool train_on_prompt,
                    const Tokenizer& tokenizer) {
  const std::string_view text = chat.text;
  const std::vector<std::size_t> borders = borders_of(chat, format, tokenizer);
  BorderedIds whole(text, borders, tokenizer);
  Example example;
  example.tokens = std::move(whole.ids);
  example.learned.assign(example.tokens.size(), train_on_prompt ? 1 : 0);
  EncodeOptions options;
  options.continuation = true;
  const TokenId end_of_turn = tokenizer.encode(format.answer_end, options).back();

  // A text's ids after an end-of-turn token do not depend on the text before it. So an answer's
  // place is found by encoding the text from the end of the previous answer on, and of that only
  // what follows its last border, since the ids before are known.
  options.continuation = false;
  std::size_t byte = 0;
  auto at = example.tokens.begin();
  const auto place = [&](auto id) { return static_cast<std::size_t>(id - example.tokens.begin()); };
  for (const AnswerSpan& answer : chat.answers) {
    std::size_t begin = byte;
    const std::size_t border = tokenizer.last_border(text.substr(0, answer.begin), byte);
    if (border > byte && whole.count_before(border) && place(at) == whole.count_before(byte)) {
      begin = border;
      at = example.tokens.begin() + static_cast<std::ptrdiff_t>(*whole.count_before(border));
      options.continuation = true;
    }
    const std::vector<TokenId> before =
        tokenizer.encode(text.substr(begin, answer.begin - begin), options);
    const auto first = std::mismatch(at, example.tokens.end(), before.begin(), before.end()).first;
    // The content may contain the text of the end-of-turn token too, which becomes that token.
    std::size_t ends =
        count(text.substr(answer.begin, answer.end - answer.begin), format.answer_end);
    at = first;
    while (at != example.tokens.end() && ends > 0) {
      if (*at == end_of_turn && --ends == 0) break;
      ++at;
    }
    const auto stop = at == example.tokens.end() ? at : at + 1;
    std::fill(example.learned.begin() + (first - example.tokens.begin()),
              example.learned.begin() + (stop - example.tokens.begin()), answer.learned ? 1 : 0);
    byte = answer.end - format.answer_end.size();
    options.continuation = true;
  }
  return example;
}

ChatPrompt chat_prompt(const ChatFormat& format, const std::string& question,
                       const std::string& where, const Tokenizer& tokenizer) {
  ChatPrompt prompt;
  prompt.text = render_prompt(format, {{ChatRole::kUser, question}}, where);
  prompt.ids = tokenizer.encode(prompt.text);
  prompt.end_tokens = answer_end(format, tokenizer);
  return prompt;
}

std::vector<TokenId> answer_end(const ChatFormat& format, const Tokenizer& tokenizer) {
  return tokenizer.encode(format.answer_end, {.continuation = true});
}

}  // namespace expandft
