#include "tokenizer/pipeline/byte_alphabet.h"

#include "base/utf8.h"

#include <array>
#include <cstdint>

namespace expandft {
namespace {

constexpr bool prints(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

struct Alphabet {
  std::array<std::string, 256> character;
  std::array<std::int16_t, 0x200> byte;  // by character; -1 if it stands for no byte

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const char32_t code = prints(b) ? b : next++;
      append_character(character[b], code);
      byte[code] = static_cast<std::int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string bytes_to_characters(std::string_view bytes) {
  std::string characters;
  characters.reserve(bytes.size() + bytes.size() / 4);
  const auto& character = alphabet().character;
  for (const char byte : bytes) characters += character[static_cast<unsigned char>(byte)];
  return characters;
}

std::optional<std::string> characters_to_bytes(std::string_view characters) {
  const auto& byte = alphabet().byte;
  std::string bytes;
  while (!characters.empty()) {
    const Utf8Character next = decode_character(characters);
    if (next.code >= byte.size() || byte[next.code] < 0) return std::nullopt;
    bytes += static_cast<char>(byte[next.code]);
    characters.remove_prefix(next.length);
  }
  return bytes;
}

}  // namespace expandft
