#include "base/python_words.h"

#include "base/python_text.h"
#include "base/unicode.h"
#include "base/utf8.h"

namespace expandft {

std::string_view python_lstrip(std::string_view text) {
  const std::string_view stripped = python_strip(text);
  if (stripped.empty()) return {};
  return text.substr(static_cast<std::size_t>(stripped.data() - text.data()));
}

std::size_t python_word_count(std::string_view text) {
  if (text.empty()) return 1;  // one empty word
  const std::size_t before = python_lstrip(text).size() < text.size() ? 1 : 0;
  const std::size_t after = python_rstrip(text).size() < text.size() ? 1 : 0;
  return before + python_split(text).size() + after;
}

std::string python_capitalize(std::string_view text) {
  if (text.empty()) return {};
  const std::string_view first = text.substr(0, character_length(text));
  return to_title_case(first) + python_lower(text).substr(to_lower_case(first).size());
}

}  // namespace expandft
