#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

/// Offset of the first byte that is not part of a well-formed UTF-8 character (Unicode 15,
/// table 3-7: no overlong forms, no surrogates, at most U+10FFFF); npos when all is well.
std::size_t find_invalid_utf8(std::string_view text);

/// Bytes of the well-formed characters at the start of `text`.
/// `incomplete` says whether what follows could still become a character with more bytes.
/// `invalid` counts the bytes that follow and belong to one broken character (Unicode's maximal
/// subpart): at least 1 unless the whole text is well-formed.
struct Utf8Prefix {
  std::size_t length = 0;
  bool incomplete = false;
  std::size_t invalid = 0;
};
Utf8Prefix utf8_prefix(std::string_view text);

/// What a broken character becomes: one U+FFFD for each of its bytes, or one for all of them.
enum class Replacing { kEachByte, kEachSubpart };
/// The text with U+FFFD in place of what is not well-formed.
std::string replace_invalid_utf8(std::string_view text, Replacing replacing);

/// Bytes of the character at the start of well-formed, non-empty UTF-8.
std::size_t character_length(std::string_view text);

/// Bytes of white space (Unicode White_Space) at the start and at the end of valid UTF-8.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

}  // namespace expandft
