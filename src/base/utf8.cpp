#include "base/utf8.h"

#include <cstdint>

namespace expandft {
namespace {

struct Step {
  std::size_t length = 0;   // of the character; 0 when it is not well-formed
  bool incomplete = false;  // the bytes that are there begin a character
  std::size_t invalid = 1;  // bytes that belong together when it is not well-formed
};

// The second byte has a narrower range after E0, ED, F0 and F4.
Step step(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, false, 0};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {0, true, i};
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (i == 1) {
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (byte(i) < low || byte(i) > high) return {0, false, i};
  }
  return {length, false, 0};
}

// Length of the White_Space character that starts here, or 0.
std::size_t whitespace_at(std::string_view text) {
  if (text.empty()) return 0;
  const char first = text[0];
  if (first == ' ' || (first >= '\t' && first <= '\r')) return 1;
  for (const std::string_view space :
       {"\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005",
        "\u2006", "\u2007", "\u2008", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F",
        "\u3000"}) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

}  // namespace

Utf8Prefix utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Step next = step(text.substr(at));
    if (next.length == 0) return {at, next.incomplete, next.invalid};
    at += next.length;
  }
  return {at, false, 0};
}

std::size_t find_invalid_utf8(std::string_view text) {
  const std::size_t valid = utf8_prefix(text).length;
  return valid == text.size() ? std::string_view::npos : valid;
}

std::string replace_invalid_utf8(std::string_view text, Replacing replacing) {
  std::string valid;
  while (true) {
    const Utf8Prefix prefix = utf8_prefix(text);
    valid += text.substr(0, prefix.length);
    text.remove_prefix(prefix.length);
    if (text.empty()) return valid;
    valid += "\uFFFD";
    text.remove_prefix(replacing == Replacing::kEachByte ? 1 : prefix.invalid);
  }
}

std::size_t character_length(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

std::size_t leading_space(std::string_view text) {
  std::size_t length = 0;
  while (const std::size_t space = whitespace_at(text.substr(length))) length += space;
  return length;
}

std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t start = end - 1;
    while (start > 0 && (static_cast<std::uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (whitespace_at(text.substr(start, end - start)) != end - start) break;
    end = start;
  }
  return text.size() - end;
}

}  // namespace expandft
