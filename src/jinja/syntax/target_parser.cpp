// What is assigned to.
#include "jinja/syntax/expression_parser.h"
#include "jinja/values/limits.h"

namespace expandft::jinja {

std::string ExpressionParser::target_name() {
  const TemplateToken& token = tokens_.expect(TokenKind::kName);
  for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (token.text == constant)
      tokens_.fail_at("cannot assign to \"" + token.text + "\"", token.at);
  }
  return token.text;
}

ExpressionPtr ExpressionParser::part_of_target(bool with_space) {
  const std::size_t at = tokens_.current().at;
  if (tokens_.skip_operator("(")) {
    // In parentheses an expression could stand; only names and tuples of them can be assigned to.
    ExpressionPtr inside = target(false);
    tokens_.expect_operator(")");
    return inside;
  }
  Made made = make(ExpressionKind::kName, at);
  if (!tokens_.is(TokenKind::kName)) {
    tokens_.fail("cannot assign to " + described(tokens_.current()));
  }
  if (with_space && tokens_.ahead().kind == TokenKind::kOperator && tokens_.ahead().text == ".") {
    made->kind = ExpressionKind::kSpaceTarget;
    made->name = tokens_.next().text;
    tokens_.next();
    made->attribute = tokens_.expect(TokenKind::kName).text;
    return made;
  }
  made->name = target_name();
  return made;
}

ExpressionPtr ExpressionParser::target(bool with_space, std::string_view end_name) {
  if (++depth_ > kMostLevels) tokens_.fail("the assignment is nested too deeply");
  Made made = make(ExpressionKind::kTuple, tokens_.current().at);
  made->parts.push_back(part_of_target(with_space));
  bool is_tuple = false;
  while (tokens_.skip_operator(",")) {
    is_tuple = true;
    if (ends_tuple(end_name)) break;
    made->parts.push_back(part_of_target(with_space));
  }
  --depth_;
  if (is_tuple) return finish(std::move(made));
  ExpressionPtr only = std::move(made->parts[0]);
  return only;
}

}  // namespace expandft::jinja
