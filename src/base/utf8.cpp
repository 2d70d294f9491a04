#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <utf8proc.h>

namespace expandft {
namespace {

/// The character at the start, or a negative number. At most 4 bytes are read.
utf8proc_ssize_t decode_bytes(const char* bytes, std::size_t size, utf8proc_int32_t& code) {
  return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes),
                          static_cast<utf8proc_ssize_t>(size), &code);
}

/// Whether more bytes could complete the 1 to 3 bytes to a well-formed character. After E0, F0, ED
/// and F4 the second byte's range is narrower, but always holds one of the three tried here.
bool begins_character(std::string_view bytes) {
  for (const char second : {'\x80', '\x90', '\xA0'}) {
    char whole[4] = {'\x80', second, '\x80', '\x80'};
    std::copy(bytes.begin(), bytes.end(), whole);
    utf8proc_int32_t code;
    if (decode_bytes(whole, sizeof whole, code) > static_cast<utf8proc_ssize_t>(bytes.size())) {
      return true;
    }
  }
  return false;
}

Utf8Character malformed_character(std::string_view text) {
  Utf8Character broken;
  for (std::size_t size = std::min<std::size_t>(3, text.size()); size > 0; --size) {
    if (!begins_character(text.substr(0, size))) continue;
    broken.length = size;
    broken.is_incomplete = size == text.size();
    break;
  }
  return broken;
}

/// Bytes of ASCII at the start, or a few less: eight are looked at together.
std::size_t ascii_prefix(std::string_view text) {
  std::size_t length = 0;
  for (std::uint64_t eight; length + sizeof eight <= text.size(); length += sizeof eight) {
    std::memcpy(&eight, text.data() + length, sizeof eight);
    if ((eight & 0x8080808080808080u) != 0) break;
  }
  return length;
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

Utf8Character decode_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1, true, false};
  utf8proc_int32_t code;
  const utf8proc_ssize_t length = decode_bytes(text.data(), text.size(), code);
  if (length <= 0) return malformed_character(text);
  return {static_cast<char32_t>(code), static_cast<std::size_t>(length), true, false};
}

std::size_t character_length(std::string_view text) {
  const utf8proc_int8_t length = utf8proc_utf8class[static_cast<unsigned char>(text[0])];
  return static_cast<std::size_t>(std::max<utf8proc_int8_t>(length, 1));
}

void append_character(std::string& text, char32_t character) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

Utf8Prefix utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (const std::size_t ascii = ascii_prefix(text.substr(at)); ascii > 0) {
      at += ascii;
      continue;
    }
    const Utf8Character next = decode_character(text.substr(at));
    if (!next.is_well_formed) return {at, next.is_incomplete};
    at += next.length;
  }
  return {at, false};
}

std::size_t find_invalid_utf8(std::string_view text) {
  const std::size_t valid = utf8_prefix(text).length;
  return valid == text.size() ? std::string_view::npos : valid;
}

std::string replace_invalid_utf8(std::string_view text, Replacing replacing) {
  std::string valid;
  while (true) {
    const std::size_t length = utf8_prefix(text).length;
    valid += text.substr(0, length);
    text.remove_prefix(length);
    if (text.empty()) return valid;
    valid += "\uFFFD";
    text.remove_prefix(replacing == Replacing::kEachByte ? 1 : decode_character(text).length);
  }
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return !continues_character(byte); }));
}

std::size_t last_character(std::string_view text) {
  std::size_t start = text.size() - 1;
  while (start > 0 && continues_character(text[start])) --start;
  return start;
}

std::size_t character_at_or_after(std::string_view text, std::size_t at) {
  while (at < text.size() && continues_character(text[at])) ++at;
  return at;
}

std::string_view cut_to_bytes(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && continues_character(text[limit])) --limit;
  return text.substr(0, limit);
}

}  // namespace expandft
