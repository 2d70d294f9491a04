#include "jinja/syntax/template_tokens.h"

#include "base/wording.h"

namespace expandft::jinja {
namespace {

const char* kind_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::kData:
      return "text";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kBlockEnd:
      return "\"%}\"";
    case TokenKind::kVariableBegin:
      return "\"{{\"";
    case TokenKind::kVariableEnd:
      return "\"}}\"";
    case TokenKind::kName:
      return "a name";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return "a number";
    case TokenKind::kOperator:
      return "an operator";
    case TokenKind::kEnd:
      return "the end of the template";
  }
  return "?";
}

}  // namespace

std::string described(const TemplateToken& token) {
  if (token.kind == TokenKind::kName || token.kind == TokenKind::kOperator) {
    return "\"" + printable(token.text, "") + "\"";
  }
  return kind_name(token.kind);
}

void TemplateTokens::fail_expected(const std::string& what) const {
  fail("expected " + what + ", found " + described(current()));
}

const TemplateToken& TemplateTokens::expect(TokenKind kind) {
  if (!is(kind)) fail_expected(kind_name(kind));
  return next();
}

void TemplateTokens::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail_expected("\"" + std::string(text) + "\"");
}

void TemplateTokens::expect_name(std::string_view text) {
  if (!skip_name(text)) fail_expected("\"" + std::string(text) + "\"");
}

}  // namespace expandft::jinja
