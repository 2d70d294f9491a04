#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace expandft::jinja {

struct NumberLiteral {
  std::size_t length = 0;  // bytes
  bool is_float = false, is_too_large = false;
  std::int64_t integer = 0;
  double number = 0;
};

/// The number at the start of text that starts with a digit: 12, 1_000, 0x1F, 0b1, 0o7; 1.5, 1e3
/// only with `float_allowed`.
NumberLiteral number_literal(std::string_view text, bool float_allowed);

/// The value of the text between a string's quotes, with Python's escapes; `problem` says what is
/// wrong with them.
std::string unescaped(std::string_view text, std::string& problem);

}  // namespace expandft::jinja
