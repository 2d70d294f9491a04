#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace expandft {

using TokenId = std::int32_t;

/// "▁", which stands for a space in SentencePiece's tokens.
inline constexpr std::string_view kSpaceMark = "\u2581";

/// Whether the token is a byte token: "<0x41>".
bool is_byte_token(std::string_view token);
/// The bytes that the token adds to a text: its byte, or its text with "▁" as a space.
std::string bytes_of_token(std::string_view token);
/// Appends the bytes of consecutive byte tokens: as they are if together they are well-formed
/// UTF-8, else one U+FFFD per byte.
void append_byte_run(std::string_view run, std::string& text);

}  // namespace expandft
