#include "base/python_text.h"

#include "base/unicode.h"
#include "base/utf8.h"

#include <algorithm>

#include <utf8proc.h>

namespace expandft {
namespace {

constexpr std::string_view kCapitalSigma = "\u03A3";

// Length of the white space that starts here, or 0.
std::size_t space_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first > ' ' && first < 0x80) return 0;
  if (first >= 0x1C && first <= 0x1F) return 1;
  return leading_space(text.substr(0, std::min(text.size(), character_length(text))));
}

std::size_t last_character(std::string_view text) {
  std::size_t start = text.size() - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return start;
}

utf8proc_category_t category_of(std::string_view text) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(first_character(text)));
}

bool is_cased(std::string_view text) {
  const auto category = category_of(text);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

// Case_Ignorable: marks, formats, modifiers, and what Word_Break takes for the middle of a word.
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
  return kMiddles.find(first_character(text)) != kMiddles.npos;
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
  switch (character) {  // lower case letters that differ in no capital
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

std::string_view python_strip(std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = space_at(text);
    if (space == 0) break;
    text.remove_prefix(space);
  }
  return python_rstrip(text);
}

std::vector<std::string_view> python_split(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > start) words.push_back(text.substr(start, end - start));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = space_at(text.substr(at));
    if (space == 0) {
      at += character_length(text.substr(at));
      continue;
    }
    end_word(at);
    at += space;
    start = at;
  }
  end_word(text.size());
  return words;
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

std::string python_fold(std::string_view text) {
  std::string folded;
  for (std::size_t at = 0; at < text.size(); at += character_length(text.substr(at))) {
    const char32_t character = folded_character(first_character(text.substr(at)));
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
    folded.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  return folded;
}

}  // namespace expandft
