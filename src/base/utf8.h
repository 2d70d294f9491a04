#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

// The one UTF-8 decoder. Well-formed is what Unicode 15, table 3-7, says: no overlong forms, no
// surrogates, at most U+10FFFF.

inline constexpr std::string_view kByteOrderMark = "\uFEFF";
std::string_view without_byte_order_mark(std::string_view text);

struct Utf8Character {
  char32_t code = U'\uFFFD';  // U+FFFD when the bytes are not well-formed
  /// Bytes. Of a malformed character: Unicode's maximal subpart, at least 1.
  std::size_t length = 1;
  bool is_well_formed = false;
  bool is_incomplete = false;  // malformed only because the text ends within the character
};

/// The character at the start of non-empty text.
Utf8Character decode_character(std::string_view text);
/// Bytes of the character at the start of well-formed, non-empty text.
std::size_t character_length(std::string_view text);
/// Appends a character's UTF-8.
void append_character(std::string& text, char32_t character);

/// The well-formed characters at the start of `text`, and whether what follows them is the start of
/// a character that more bytes could complete.
struct Utf8Prefix {
  std::size_t length = 0;  // bytes
  bool is_incomplete = false;
};
Utf8Prefix utf8_prefix(std::string_view text);
/// Offset of the first byte that is not part of a well-formed character; npos if there is none.
std::size_t find_invalid_utf8(std::string_view text);

/// What U+FFFD replaces: each byte of a malformed character, or each maximal subpart.
enum class Replacing { kEachByte, kEachSubpart };
std::string replace_invalid_utf8(std::string_view text, Replacing replacing);

/// Whether the byte continues a character that an earlier byte begins.
inline bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}
/// Characters in the text. Every byte that does not continue a character counts as one.
std::size_t character_count(std::string_view text);
/// Offset of the last character of non-empty text.
std::size_t last_character(std::string_view text);
/// Offset of the first character that begins at or after `at`; the text's size if there is none.
std::size_t character_at_or_after(std::string_view text, std::size_t at);
/// As many whole characters from the start as fit in `limit` bytes.
std::string_view cut_to_bytes(std::string_view text, std::size_t limit);

}  // namespace expandft
