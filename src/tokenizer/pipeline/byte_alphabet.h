#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// Byte-level tokens write each byte as one printable character: those of Latin-1 that print as
/// themselves, the others from U+0100 on in order, so that a space is "Ġ" (GPT-2, Radford et al.
/// 2019, encoder.py).
std::string bytes_to_characters(std::string_view bytes);
/// The bytes again; nothing when a character stands for no byte. `characters` is valid UTF-8.
std::optional<std::string> characters_to_bytes(std::string_view characters);

}  // namespace expandft
