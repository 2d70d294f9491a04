#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace expandft::jinja {

enum class TokenKind {
  kData,  // text between tags
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,  // of the template
};

struct TemplateToken {
  TokenKind kind = TokenKind::kEnd;
  std::size_t at = 0;  // byte of the source
  std::string text;    // data; the name, the operator; a string's value
  std::int64_t integer = 0;
  double number = 0;
};

}  // namespace expandft::jinja
