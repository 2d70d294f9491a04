#include "tokenizer/pipeline/byte_alphabet.h"

#include "base/unicode.h"
#include "base/utf8.h"

#include <array>
#include <cstdint>

namespace expandft {
namespace {

constexpr bool prints(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

struct Alphabet {
  std::array<std::uint16_t, 256> character{};
  std::array<std::int16_t, 0x200> byte{};  // -1: stands for none

  constexpr Alphabet() {
    for (std::int16_t& none : byte) none = -1;
    std::uint16_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      character[b] = prints(b) ? static_cast<std::uint16_t>(b) : next++;
      byte[character[b]] = static_cast<std::int16_t>(b);
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

std::string bytes_to_characters(std::string_view bytes) {
  std::string characters;
  characters.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) {
    const unsigned character = kAlphabet.character[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      characters += static_cast<char>(character);
    } else {
      characters += static_cast<char>(0xC0 | character >> 6);
      characters += static_cast<char>(0x80 | (character & 0x3F));
    }
  }
  return characters;
}

std::optional<std::string> characters_to_bytes(std::string_view characters) {
  std::string bytes;
  while (!characters.empty()) {
    const char32_t character = first_character(characters);
    if (character >= kAlphabet.byte.size() || kAlphabet.byte[character] < 0) return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byte[character]);
    characters.remove_prefix(character_length(characters));
  }
  return bytes;
}

}  // namespace expandft
