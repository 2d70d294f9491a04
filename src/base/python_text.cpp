#include "base/python_text.h"

#include "base/unicode.h"
#include "base/utf8.h"

#include <utf8proc.h>

namespace expandft {
namespace {

constexpr std::string_view kCapitalSigma = "\u03A3";

bool is_python_space(char32_t character) {
  return is_white_space(character) || (character >= 0x1C && character <= 0x1F);
}

/// Bytes of the white space character at the start of non-empty text, or 0.
std::size_t space_at(std::string_view text) {
  const Utf8Character first = decode_character(text);
  return is_python_space(first.code) ? first.length : 0;
}

utf8proc_category_t category_of(std::string_view text) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(decode_character(text).code));
}

bool is_cased(std::string_view text) {
  const auto category = category_of(text);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

// Case_Ignorable: marks, formats, modifiers, and what Word_Break allows within a word.
bool is_case_ignorable(std::string_view text) {
  switch (category_of(text)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  constexpr std::u32string_view kMiddles =
      U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  return kMiddles.find(decode_character(text).code) != kMiddles.npos;
}

bool is_final_sigma(std::string_view before, std::string_view after) {
  std::string_view last;
  while (!before.empty()) {
    const std::size_t start = last_character(before);
    last = before.substr(start);
    if (!is_case_ignorable(last)) break;
    before = before.substr(0, start);
  }
  if (before.empty() || !is_cased(last)) return false;
  while (!after.empty() && is_case_ignorable(after)) after.remove_prefix(character_length(after));
  return after.empty() || !is_cased(after);
}

char32_t folded_character(char32_t character) {
  switch (character) {  // lower case letters with the same upper case
    case 0x1FD3:
      return 0x390;
    case 0x1FE3:
      return 0x3B0;
    case 0xFB05:
      return 0xFB06;
    default:
      break;
  }
  const auto upper = utf8proc_toupper(static_cast<utf8proc_int32_t>(character));
  return static_cast<char32_t>(utf8proc_tolower(upper));
}

}  // namespace

std::string_view python_rstrip(std::string_view text) {
  while (!text.empty()) {
    const std::size_t start = last_character(text);
    if (space_at(text.substr(start)) == 0) break;
    text = text.substr(0, start);
  }
  return text;
}

std::string_view python_lstrip(std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = space_at(text);
    if (space == 0) break;
    text.remove_prefix(space);
  }
  return text;
}

std::string_view python_strip(std::string_view text) {
  return python_rstrip(python_lstrip(text));
}

std::vector<std::string_view> python_split(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > start) words.push_back(text.substr(start, end - start));
  };
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character next = decode_character(text.substr(at));
    const std::size_t after = at + next.length;
    if (is_python_space(next.code)) {
      end_word(at);
      start = after;
    }
    at = after;
  }
  end_word(text.size());
  return words;
}

std::size_t python_word_count(std::string_view text) {
  if (text.empty()) return 1;  // one empty word
  const std::size_t before = python_lstrip(text).size() < text.size() ? 1 : 0;
  const std::size_t after = python_rstrip(text).size() < text.size() ? 1 : 0;
  return before + python_split(text).size() + after;
}

std::string python_lower(std::string_view text) {
  std::string lower;
  std::size_t plain = 0;
  for (std::size_t at = text.find(kCapitalSigma); at != text.npos;
       at = text.find(kCapitalSigma, plain)) {
    lower += to_lower_case(text.substr(plain, at - plain));
    plain = at + kCapitalSigma.size();
    lower += is_final_sigma(text.substr(0, at), text.substr(plain)) ? "\u03C2" : "\u03C3";
  }
  return lower + to_lower_case(text.substr(plain));
}

std::string python_capitalize(std::string_view text) {
  if (text.empty()) return {};
  const std::string_view first = text.substr(0, character_length(text));
  return to_title_case(first) + python_lower(text).substr(to_lower_case(first).size());
}

std::string python_fold(std::string_view text) {
  std::string folded;
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    append_character(folded, folded_character(next.code));
    text.remove_prefix(next.length);
  }
  return folded;
}

}  // namespace expandft
