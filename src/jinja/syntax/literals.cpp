#include "jinja/syntax/literals.h"

#include "base/utf8.h"

#include <charconv>

namespace expandft::jinja {
namespace {

bool is_digit_of(char c, int base) {
  if (c >= '0' && c <= '9') return c - '0' < base;
  const char lower = static_cast<char>(c | 0x20);
  return base == 16 && lower >= 'a' && lower <= 'f';
}

/// Bytes of digits at `at`, perhaps with single underscores between them.
std::size_t digits_at(std::string_view text, std::size_t at, int base = 10) {
  std::size_t end = at;
  while (end < text.size() && is_digit_of(text[end], base)) {
    ++end;
    if (end + 1 < text.size() && text[end] == '_' && is_digit_of(text[end + 1], base)) ++end;
  }
  return end - at;
}

std::string without_underscores(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (c != '_') kept += c;
  }
  return kept;
}

/// Bytes of a float, or 0.
std::size_t float_length(std::string_view text) {
  std::size_t end = digits_at(text, 0);
  bool is_float = false;
  if (end < text.size() && text[end] == '.') {
    if (const std::size_t fraction = digits_at(text, end + 1); fraction > 0) {
      end += 1 + fraction;
      is_float = true;
    }
  }
  if (end < text.size() && (text[end] | 0x20) == 'e') {
    std::size_t digits = end + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) ++digits;
    if (const std::size_t exponent = digits_at(text, digits); exponent > 0) {
      end = digits + exponent;
      is_float = true;
    }
  }
  return is_float ? end : 0;
}

constexpr int kNotHex = -1;

/// The code of `count` hexadecimal digits at the start of the text.
std::int64_t hex_code(std::string_view text, std::size_t count) {
  if (text.size() < count) return kNotHex;
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, code, 16);
  return error == std::errc() && end == text.data() + count ? code : kNotHex;
}

}  // namespace

NumberLiteral number_literal(std::string_view text, bool float_allowed) {
  NumberLiteral literal;
  if (const std::size_t length = float_allowed ? float_length(text) : 0; length > 0) {
    const std::string digits = without_underscores(text.substr(0, length));
    literal.length = length;
    literal.is_float = true;
    const auto result =
        std::from_chars(digits.data(), digits.data() + digits.size(), literal.number);
    literal.is_too_large = result.ec != std::errc();
    return literal;
  }
  int base = 10;
  std::size_t begin = 0;
  if (text[0] == '0' && text.size() > 1) {
    const char letter = static_cast<char>(text[1] | 0x20);
    const int prefixed = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    const std::size_t skip = prefixed != 10 && text.size() > 2 && text[2] == '_' ? 3 : 2;
    if (prefixed != 10 && digits_at(text, skip, prefixed) > 0) {
      base = prefixed;
      begin = skip;
    }
  }
  // In base 10 a number that begins with 0 consists of zeros.
  literal.length = begin + digits_at(text, begin, base == 10 && text[0] == '0' ? 1 : base);
  const std::string digits = without_underscores(text.substr(begin, literal.length - begin));
  const auto result =
      std::from_chars(digits.data(), digits.data() + digits.size(), literal.integer, base);
  literal.is_too_large = result.ec != std::errc();
  return literal;
}

std::string unescaped(std::string_view text, std::string& problem) {
  std::string value;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      value += text[at++];
      continue;
    }
    const char letter = text[at + 1];
    at += 2;
    constexpr std::string_view kLetters = "\\'\"abfnrtv";
    constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
    if (const std::size_t found = kLetters.find(letter); found != kLetters.npos) {
      value += kMeanings[found];
    } else if (letter == '\n') {
      // a line that continues
    } else if (letter >= '0' && letter <= '7') {
      std::uint32_t code = 0;
      for (std::size_t end = at + 2; at - 1 < text.size() && at - 1 < end; ++at) {
        if (text[at - 1] < '0' || text[at - 1] > '7') break;
        code = code * 8 + static_cast<std::uint32_t>(text[at - 1] - '0');
      }
      --at;
      append_character(value, code);
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      const std::size_t count = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
      const std::int64_t code = hex_code(text.substr(at), count);
      if (code == kNotHex || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        problem = std::string("the escape \\") + letter + " needs " + std::to_string(count) +
                  " hexadecimal digits of a character";
        return value;
      }
      append_character(value, static_cast<char32_t>(code));
      at += count;
    } else if (letter == 'N') {
      problem = "the escape \\N{…} of a character's name is not supported";
      return value;
    } else {
      value += '\\';
      value += letter;
    }
  }
  return value;
}

}  // namespace expandft::jinja
