#include "text/chat_example.h"

#include <algorithm>

namespace expandft {
namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

}  // namespace

Example encode_chat(const RenderedChat& chat, const ChatFormat& format, bool learn_prompt,
                    const Tokenizer& tokenizer) {
  Example example;
  example.tokens = tokenizer.encode(chat.text);
  example.learned.assign(example.tokens.size(), learn_prompt ? 1 : 0);
  const std::string_view text = chat.text;
  EncodeOptions options;
  options.continuation = true;
  const TokenId end_of_turn = tokenizer.encode(format.answer_end, options).back();

  // A text's ids do not depend on what stands before a token of its own: so an answer's place is
  // found by encoding what lies between it and the end of the answer before.
  options.continuation = false;
  std::size_t byte = 0;
  auto at = example.tokens.begin();
  for (const AnswerSpan& answer : chat.answers) {
    const std::vector<TokenId> before =
        tokenizer.encode(text.substr(byte, answer.begin - byte), options);
    const auto first = std::mismatch(at, example.tokens.end(), before.begin(), before.end()).first;
    // The content may hold the end-of-turn token's text too, which becomes that token.
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

}  // namespace expandft
