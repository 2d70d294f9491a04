#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace expandft {

using TokenId = std::int32_t;

/// "▁", which stands for a space in SentencePiece's tokens.
inline constexpr std::string_view kSpaceMark = "\u2581";

/// Whether the token stands for one byte: "<0x41>".
bool is_byte_token(std::string_view token);
/// The bytes the token adds to a text: a byte token its byte, others their text with "▁" as space.
std::string bytes_of_token(std::string_view token);
/// Appends the bytes of neighbouring byte tokens: as they are when they are valid UTF-8 together,
/// else one U+FFFD a byte.
void append_byte_run(std::string_view run, std::string& text);

}  // namespace expandft
