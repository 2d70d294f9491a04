#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace expandft {

// The tables are utf8proc's. Text is well-formed UTF-8 unless a function says otherwise.

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

/// The text in a normalization form (Unicode Standard Annex 15).
std::string normalize_unicode(std::string_view text, UnicodeForm form);
/// Every character by itself in lower case: a capital sigma at a word's end becomes σ.
std::string to_lower_case(std::string_view text);
/// Every character by itself in title case; those whose title case is several (ß) stay.
std::string to_title_case(std::string_view text);

/// The character at the start of non-empty text.
char32_t first_character(std::string_view text);
/// General category N: decimal digits, letter-like and other numbers.
bool is_number(char32_t character);
/// General category P, or punctuation or a symbol of ASCII.
bool is_punctuation(char32_t character);
/// Whether the text starts or ends with a letter, mark, digit, connector or joiner (\w of
/// Unicode Technical Standard 18). Broken characters are none of these.
bool starts_with_word_character(std::string_view text);
bool ends_with_word_character(std::string_view text);

}  // namespace expandft
