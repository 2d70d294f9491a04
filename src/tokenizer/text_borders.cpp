#include "tokenizer/text_borders.h"

#include "tokenizer/pipeline/token.h"

#include <algorithm>

namespace expandft {
namespace {

constexpr std::string_view kByteLevelSpace = "Ġ";

std::size_t byte_of(char c) {
  return static_cast<unsigned char>(c);
}

bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Not a letter, digit, white space or part of a character, which single_word, lstrip and rstrip of
/// neighbours depend on.
bool is_mark(char c) {
  return c > ' ' && c < 0x7F && !is_ascii_letter(c) && !(c >= '0' && c <= '9') && c != '_';
}

bool begins_with_space(std::string_view text) {
  return text.starts_with(' ') || text.starts_with(kSpaceMark) || text.starts_with(kByteLevelSpace);
}

}  // namespace

TextBorders::TextBorders(const std::vector<std::string>& tokens,
                         const std::vector<const AddedToken*>& added,
                         const std::vector<const AddedToken*>& later, Kinds kinds)
    : added_(added) {
  if (kinds.before_tokens) find_beginnings(added);
  if (!kinds.before_words) return;
  find_letters(tokens);
  for (const AddedToken* token : added) leave_out_letters_of(*token);
  for (const AddedToken* token : later) leave_out_letters_of(*token);
}

void TextBorders::find_letters(const std::vector<std::string>& tokens) {
  for (char c = 'a'; c <= 'z'; ++c) ends_word_[byte_of(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) ends_word_[byte_of(c)] = true;
  for (const std::string_view token : tokens) {
    for (std::size_t i = 1; i < token.size(); ++i) {
      if (!is_ascii_letter(token[i - 1]) || !begins_with_space(token.substr(i))) continue;
      for (const int other : {0, 'a' ^ 'A'}) {  // a normalizer may change the case
        ends_word_[byte_of(static_cast<char>(token[i - 1] ^ other))] = false;
      }
    }
  }
}

void TextBorders::leave_out_letters_of(const AddedToken& token) {
  const std::string_view text = token.content;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (begins_with_space(text.substr(i))) ends_word_[byte_of(text[i - 1])] = false;
  }
  // lstrip would take the space, and single_word depends on the letter before it.
  if (token.rstrip && !text.empty()) ends_word_[byte_of(text.back())] = false;
  if (token.single_word && begins_with_space(text)) ends_word_.fill(false);
}

void TextBorders::find_beginnings(const std::vector<const AddedToken*>& added) {
  for (const AddedToken* token : added) {
    if (!token->content.empty()) begins_token_[byte_of(token->content[0])] = true;
  }
  for (std::size_t c = 0; c < begins_token_.size(); ++c) {
    if (!is_mark(static_cast<char>(c))) begins_token_[c] = false;
  }
  for (const AddedToken* token : added) {
    const std::string_view text = token->content;
    if (text.empty()) continue;
    if (token->lstrip || token->single_word) begins_token_[byte_of(text[0])] = false;
    for (const char c : text.substr(1)) begins_token_[byte_of(c)] = false;
  }
}

std::size_t TextBorders::last_in(std::string_view text, std::size_t from) const {
  for (std::size_t at = text.size(); at-- > from + 1;) {
    const char c = text[at];
    if (begins_token_[byte_of(c)] && added_.match(text.substr(at)) != nullptr) return at;
    if (c == ' ' && ends_word_[byte_of(text[at - 1])] && at + 1 < text.size() &&
        is_ascii_letter(text[at + 1])) {
      return at;
    }
  }
  return from;
}

}  // namespace expandft
