#include "data/text_cutter.h"

#include "base/unicode.h"
#include "base/utf8.h"

#include <algorithm>
#include <string>
#include <vector>

namespace expandft {
namespace {

constexpr std::size_t kAround =
    4096;                    // bytes on either side that are encoded in one part and in two
constexpr int kTries = 256;  // candidates that are tried before the search ends

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t place_in_alphabet(char letter) {
  return static_cast<std::size_t>((letter | 0x20) - 'a');
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

TextCutter::TextCutter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  before_space_.fill(true);
  for (TokenId id = 0; id < tokenizer.size(); ++id) {
    const std::string bytes = tokenizer.token_bytes(id);
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      if (bytes[i] == '\n' && !is_space(bytes[i + 1])) after_newline_ = false;
      if (is_letter(bytes[i]) && bytes[i + 1] == ' ') {
        before_space_[place_in_alphabet(bytes[i])] = false;
      }
    }
  }
}

bool TextCutter::is_candidate(std::string_view text, std::size_t at) const {
  if (after_newline_ && text[at - 1] == '\n') {
    return !is_space(text[at]) && leading_space(text.substr(at)) == 0;
  }
  return text[at] == ' ' && is_letter(text[at - 1]) && is_letter(text[at + 1]) &&
         before_space_[place_in_alphabet(text[at - 1])];
}

bool TextCutter::holds(std::string_view text, std::size_t at) const {
  const std::size_t begin = character_at_or_after(text, at - kAround);
  const std::size_t end = character_at_or_after(text, at + kAround);
  EncodeOptions options;
  options.continuation = true;
  const auto ids = [&](std::size_t from, std::size_t to) {
    return tokenizer_.encode(text.substr(from, to - from), options);
  };
  std::vector<TokenId> parts = ids(begin, at);
  const std::vector<TokenId> rest = ids(at, end);
  parts.insert(parts.end(), rest.begin(), rest.end());
  return parts == ids(begin, end);
}

std::size_t TextCutter::last_cut(std::string_view text) const {
  if (text.size() < 2 * kAround) return 0;
  int tries = 0;
  for (std::size_t at = text.size() - kAround; at >= kAround && tries < kTries; --at) {
    if (!is_candidate(text, at)) continue;
    if (holds(text, at)) return at;
    ++tries;
  }
  return 0;
}

}  // namespace expandft
