#include "base/unicode.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

namespace expandft {
namespace {

int options_of(UnicodeForm form) {
  switch (form) {
    case UnicodeForm::kNfc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    case UnicodeForm::kNfd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    case UnicodeForm::kNfkc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    case UnicodeForm::kNfkd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  }
  return 0;
}

bool is_word_character(char32_t character) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      break;
  }
  const auto within = [&](char32_t first, char32_t last) {
    return character >= first && character <= last;
  };
  // Join_Control, and the symbols of Other_Alphabetic: circled and squared letters.
  return within(0x200C, 0x200D) || within(0x24B6, 0x24E9) || within(0x1F130, 0x1F149) ||
         within(0x1F150, 0x1F169) || within(0x1F170, 0x1F189);
}

}  // namespace

std::string normalize_unicode(std::string_view text, UnicodeForm form) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return std::string(text);
  utf8proc_uint8_t* bytes = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &bytes,
                                             static_cast<utf8proc_option_t>(options_of(form)));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(bytes, &std::free);
  if (size < 0) {
    throw failure(std::string("cannot normalize a text of ") + std::to_string(text.size()) +
                  " bytes: " + utf8proc_errmsg(size));
  }
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string to_lower_case(std::string_view text) {
  std::string lower;
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    text.remove_prefix(next.length);
    if (next.code == 0x130) {  // İ: the one character whose lower case is two
      lower += "i\u0307";
    } else {
      const auto code = utf8proc_tolower(static_cast<utf8proc_int32_t>(next.code));
      append_character(lower, static_cast<char32_t>(code));
    }
  }
  return lower;
}

std::string to_title_case(std::string_view text) {
  std::string title;
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    text.remove_prefix(next.length);
    const auto code = utf8proc_totitle(static_cast<utf8proc_int32_t>(next.code));
    append_character(title, static_cast<char32_t>(code));
  }
  return title;
}

bool is_white_space(char32_t character) {
  if (character < 0x80) return character == ' ' || (character >= '\t' && character <= '\r');
  if (character == 0x85) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool is_number(char32_t character) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) {
    return (character >= '!' && character <= '/') || (character >= ':' && character <= '@') ||
           (character >= '[' && character <= '`') || (character >= '{' && character <= '~');
  }
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

std::size_t leading_space(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Utf8Character next = decode_character(text.substr(length));
    if (!is_white_space(next.code)) break;
    length += next.length;
  }
  return length;
}

std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t start = last_character(text.substr(0, end));
    const Utf8Character last = decode_character(text.substr(start, end - start));
    if (!is_white_space(last.code) || last.length != end - start) break;
    end = start;
  }
  return text.size() - end;
}

bool starts_with_word_character(std::string_view text) {
  return !text.empty() && is_word_character(decode_character(text).code);
}

bool ends_with_word_character(std::string_view text) {
  if (text.empty()) return false;
  const std::string_view last = text.substr(last_character(text));
  const Utf8Character character = decode_character(last);
  return character.length == last.size() && is_word_character(character.code);
}

}  // namespace expandft
