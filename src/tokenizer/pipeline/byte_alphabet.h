#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// Byte-level tokens have one printable character for each byte: printable characters of Latin-1
/// stand for themselves, and U+0100 and following for the other bytes in order, so that a space is
/// "Ġ" (GPT-2, Radford et al. 2019, encoder.py).
std::string bytes_to_characters(std::string_view bytes);
/// The inverse; nothing if a character stands for no byte. `characters` is well-formed UTF-8.
std::optional<std::string> characters_to_bytes(std::string_view characters);

}  // namespace expandft
