#include "chat/chat_encoding.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

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
std::vector<std::size_t> borders_of(const RenderedChat& chat, const Tokenizer& tokenizer) {
  const std::string_view text = chat.text;
  std::vector<std::size_t> borders;
  std::size_t begin = 0;
  for (const AnswerSpan& answer : chat.answers) {
    borders.push_back(tokenizer.last_border(text.substr(0, answer.begin), begin));
    if (answer.end_size == 0) continue;
    begin = answer.end - answer.end_size;
    if (tokenizer.last_border(text.substr(0, answer.end), begin - 1) == begin) {
      borders.push_back(begin);
    }
  }
  return borders;
}

/// The ids from `at` on that are those of the text.
std::size_t after_common(const std::vector<TokenId>& ids, std::size_t at,
                         const std::vector<TokenId>& text) {
  const auto first = std::mismatch(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.end(),
                                   text.begin(), text.end())
                         .first;
  return static_cast<std::size_t>(first - ids.begin());
}

}  // namespace

Example encode_chat(const RenderedChat& chat, bool train_on_prompt, const Tokenizer& tokenizer) {
  const std::string_view text = chat.text;
  BorderedIds whole(text, borders_of(chat, tokenizer), tokenizer);
  Example example;
  example.tokens = std::move(whole.ids);
  example.learned.assign(example.tokens.size(), train_on_prompt ? 1 : 0);

  // A text's ids after an end-of-turn token do not depend on the text before it. So an answer's
  // place is found by encoding the text from the end of the previous answer on, and of that only
  // what follows its last border, since the ids before are known.
  EncodeOptions options;
  std::size_t byte = 0, at = 0;  // a place in the text, and its id
  for (const AnswerSpan& answer : chat.answers) {
    const std::size_t border = tokenizer.last_border(text.substr(0, answer.begin), byte);
    if (border > byte && whole.count_before(border) && at == whole.count_before(byte)) {
      byte = border;
      at = *whole.count_before(border);
      options.continuation = true;
    }
    const auto through = [&](std::size_t end) {
      return after_common(example.tokens, at,
                          tokenizer.encode(text.substr(byte, end - byte), options));
    };
    const std::size_t first = through(answer.begin);
    std::size_t stop = first;
    if (answer.end_size == 0) {
      stop = std::max(first, through(answer.end));
    } else {
      // The content may contain the text of the end-of-turn token too, which becomes that token.
      const std::string_view end = text.substr(answer.end - answer.end_size, answer.end_size);
      const TokenId end_of_turn = tokenizer.encode(end, {.continuation = true}).back();
      std::size_t ends = count(text.substr(answer.begin, answer.end - answer.begin), end);
      while (stop < example.tokens.size() && ends > 0) {
        if (example.tokens[stop] == end_of_turn && --ends == 0) break;
        ++stop;
      }
      byte = answer.end - answer.end_size;
      at = stop;
      options.continuation = true;
      stop = std::min(stop + 1, example.tokens.size());
    }
    std::fill(example.learned.begin() + static_cast<std::ptrdiff_t>(first),
              example.learned.begin() + static_cast<std::ptrdiff_t>(stop), answer.learned ? 1 : 0);
  }
  return example;
}

}  // namespace expandft
