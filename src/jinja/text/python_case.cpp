// The case of letters.
#include "base/python_text.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "jinja/text/python_string.h"
#include "jinja/text/special_casing.h"

#include <utf8proc.h>

namespace expandft::jinja {
namespace {

utf8proc_category_t category(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

bool is_upper_letter(char32_t code) {
  const auto kind = category(code);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LT;
}
bool is_lower_letter(char32_t code) {
  return category(code) == UTF8PROC_CATEGORY_LL;
}

void append_all(std::string& text, std::u32string_view characters) {
  for (const char32_t code : characters) append_character(text, code);
}

void append_upper(std::string& text, char32_t code) {
  if (const SpecialCase* const special = special_case(code)) {
    append_all(text, special->upper);
  } else {
    append_character(text,
                     static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code))));
  }
}

void append_title(std::string& text, char32_t code) {
  if (const SpecialCase* const special = special_case(code)) {
    append_all(text, special->title);
  } else {
    append_character(text,
                     static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(code))));
  }
}

/// The lower case of a character of the text; of a capital sigma it depends on its place.
std::string lower_at(std::string_view text, std::size_t at, std::size_t length) {
  const std::string_view character = text.substr(at, length);
  if (character != "\u03A3") return to_lower_case(character);
  return python_lower(text).substr(to_lower_case(text.substr(0, at)).size(), length);
}

bool is_all(std::string_view text, bool (*wanted)(char32_t), bool (*refused)(char32_t)) {
  bool found = false;
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    if (refused(next.code)) return false;
    found = found || wanted(next.code);
    text.remove_prefix(next.length);
  }
  return found;
}

}  // namespace

std::string python_upper(std::string_view text) {
  std::string upper;
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    append_upper(upper, next.code);
    text.remove_prefix(next.length);
  }
  return upper;
}

std::string python_capitalized(std::string_view text) {
  if (text.empty()) return {};
  const std::string_view first = text.substr(0, character_length(text));
  std::string result;
  append_title(result, decode_character(first).code);
  // The whole text, because a final sigma depends on what stands before it.
  return result + python_lower(text).substr(python_lower(first).size());
}

std::string python_title(std::string_view text) {
  std::string title;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character next = decode_character(text.substr(at));
    const bool is_cased = is_upper_letter(next.code) || is_lower_letter(next.code);
    if (in_word) {
      title += lower_at(text, at, next.length);
    } else {
      append_title(title, next.code);
    }
    in_word = is_cased;
    at += next.length;
  }
  return title;
}

std::string python_swapcase(std::string_view text) {
  std::string swapped;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character next = decode_character(text.substr(at));
    if (is_upper_letter(next.code)) {
      swapped += lower_at(text, at, next.length);
    } else if (is_lower_letter(next.code)) {
      append_upper(swapped, next.code);
    } else {
      swapped += text.substr(at, next.length);
    }
    at += next.length;
  }
  return swapped;
}

bool python_is_lower(std::string_view text) {
  return is_all(text, is_lower_letter, is_upper_letter);
}

bool python_is_upper(std::string_view text) {
  return is_all(
      text, [](char32_t code) { return category(code) == UTF8PROC_CATEGORY_LU; },
      [](char32_t code) {
        return category(code) == UTF8PROC_CATEGORY_LL || category(code) == UTF8PROC_CATEGORY_LT;
      });
}

}  // namespace expandft::jinja
