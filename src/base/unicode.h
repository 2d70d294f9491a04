#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

// Properties of characters, by utf8proc's tables. Text is well-formed UTF-8 unless a function says
// otherwise.

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

/// The text in a normalization form (Unicode Standard Annex 15).
std::string normalize_unicode(std::string_view text, UnicodeForm form);
/// Lower case without context: a capital sigma at a word's end becomes σ.
std::string to_lower_case(std::string_view text);
/// Every character in title case; those whose title case is several characters (ß) stay.
std::string to_title_case(std::string_view text);

/// White_Space.
bool is_white_space(char32_t character);
/// General category N: decimal digits, letter-like and other numbers.
bool is_number(char32_t character);
/// General category P, or punctuation or a symbol of ASCII.
bool is_punctuation(char32_t character);

/// Bytes of white space at the start and at the end of any text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);
/// Whether any text starts or ends with a letter, mark, digit, connector or joiner (\w of Unicode
/// Technical Standard 18).
bool starts_with_word_character(std::string_view text);
bool ends_with_word_character(std::string_view text);

}  // namespace expandft
