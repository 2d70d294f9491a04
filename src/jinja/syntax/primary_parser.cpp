// Values, and what follows them: attributes, elements, calls, filters and tests.
#include "jinja/syntax/expression_parser.h"
#include "jinja/values/limits.h"

#include <algorithm>

namespace expandft::jinja {

ExpressionPtr ExpressionParser::primary() {
  const TemplateToken token = tokens_.current();
  Made made = make(ExpressionKind::kConstant, token.at);
  switch (token.kind) {
    case TokenKind::kName:
      tokens_.next();
      if (token.text == "true" || token.text == "True") {
        made->value = Value::boolean(true);
      } else if (token.text == "false" || token.text == "False") {
        made->value = Value::boolean(false);
      } else if (token.text == "none" || token.text == "None") {
        made->value = Value::none();
      } else {
        made->kind = ExpressionKind::kName;
        made->name = token.text;
      }
      return made;
    case TokenKind::kString: {
      std::string text;
      while (tokens_.is(TokenKind::kString)) text += tokens_.next().text;
      made->value = string_value(std::move(text));
      return made;
    }
    case TokenKind::kInteger:
      tokens_.next();
      made->value = Value::integer(token.integer);
      return made;
    case TokenKind::kFloat:
      tokens_.next();
      made->value = Value::number(token.number);
      return made;
    default:
      break;
  }
  if (tokens_.skip_operator("(")) return tuple_in_parentheses();
  if (tokens_.skip_operator("[")) return brackets(ExpressionKind::kList, "]");
  if (tokens_.skip_operator("{")) return brackets(ExpressionKind::kDict, "}");
  tokens_.fail("expected an expression, found " + described(token));
}

ExpressionPtr ExpressionParser::tuple_in_parentheses() {
  if (tokens_.is_operator(")")) {
    Made empty = make(ExpressionKind::kTuple, tokens_.next().at);
    return empty;
  }
  ExpressionPtr inside = tuple();
  tokens_.expect_operator(")");
  return inside;
}

ExpressionPtr ExpressionParser::brackets(ExpressionKind kind, std::string_view close) {
  Made made = make(kind, tokens_.current().at);
  while (!tokens_.is_operator(close)) {
    if (!made->parts.empty()) {
      tokens_.expect_operator(",");
      if (tokens_.is_operator(close)) break;
    }
    made->parts.push_back(expression());
    if (kind != ExpressionKind::kDict) continue;
    tokens_.expect_operator(":");
    made->parts.push_back(expression());
  }
  tokens_.next();
  return finish(std::move(made));
}

bool ExpressionParser::ends_tuple(std::string_view end_name) const {
  return tokens_.is(TokenKind::kVariableEnd) || tokens_.is(TokenKind::kBlockEnd) ||
         tokens_.is_operator(")") || (!end_name.empty() && tokens_.is_name(end_name));
}

ExpressionPtr ExpressionParser::tuple(bool with_conditional, std::string_view end_name) {
  Made made = make(ExpressionKind::kTuple, tokens_.current().at);
  if (ends_tuple(end_name)) {
    tokens_.fail("expected an expression, found " + described(tokens_.current()));
  }
  made->parts.push_back(expression(with_conditional));
  if (!tokens_.is_operator(",")) {
    ExpressionPtr only = std::move(made->parts[0]);
    return only;
  }
  while (tokens_.skip_operator(",")) {
    if (ends_tuple(end_name)) break;
    made->parts.push_back(expression(with_conditional));
  }
  return finish(std::move(made));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  while (true) {
    if (tokens_.is_operator(".") || tokens_.is_operator("[")) {
      value = subscript(std::move(value));
    } else if (tokens_.is_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (tokens_.skip_operator("|")) {
      value = filter(std::move(value));
    } else if (tokens_.is_name("is")) {
      value = test(std::move(value));
    } else if (tokens_.is_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const std::size_t at = tokens_.current().at;
  if (tokens_.skip_operator(".")) {
    const TemplateToken& name = tokens_.next();
    Made made = make(ExpressionKind::kAttribute, at);
    made->parts.push_back(std::move(value));
    if (name.kind == TokenKind::kName) {
      made->name = name.text;
    } else if (name.kind == TokenKind::kInteger) {
      made->kind = ExpressionKind::kElement;
      Made index = make(ExpressionKind::kConstant, name.at);
      index->value = Value::integer(name.integer);
      made->parts.push_back(std::move(index));
    } else {
      tokens_.fail_at("expected a name or a number after \".\", found " + described(name), name.at);
    }
    return finish(std::move(made));
  }
  tokens_.expect_operator("[");
  Made made = make(ExpressionKind::kElement, at);
  made->parts.push_back(std::move(value));
  if (tokens_.is_operator("]")) {  // an empty tuple
    made->parts.push_back(make(ExpressionKind::kTuple, tokens_.next().at));
    return finish(std::move(made));
  }
  const auto bound = [&] {
    const bool absent =
        tokens_.is_operator(":") || tokens_.is_operator("]") || tokens_.is_operator(",");
    return absent ? ExpressionPtr() : expression();
  };
  made->parts.push_back(bound());
  if (tokens_.is_operator(":")) {
    made->kind = ExpressionKind::kSlice;
    tokens_.next();
    made->parts.push_back(bound());
    made->parts.push_back(tokens_.skip_operator(":") ? bound() : ExpressionPtr());
  } else if (made->parts[1] == nullptr) {
    tokens_.fail("expected an expression, found " + described(tokens_.current()));
  } else if (tokens_.is_operator(",")) {  // a tuple as a key
    Made key = make(ExpressionKind::kTuple, at);
    key->parts.push_back(std::move(made->parts[1]));
    while (tokens_.skip_operator(",")) key->parts.push_back(expression());
    made->parts[1] = finish(std::move(key));
  }
  tokens_.expect_operator("]");
  return finish(std::move(made));
}

ExpressionPtr ExpressionParser::call(ExpressionPtr function) {
  Made made = make(ExpressionKind::kCall, tokens_.current().at);
  made->parts.push_back(std::move(function));
  made->arguments = call_arguments();
  return finish(std::move(made));
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments arguments;
  const std::size_t at = tokens_.current().at;
  const auto ensure = [&](bool fits) {
    if (!fits) tokens_.fail_at("the arguments of the call are not in order", at);
  };
  tokens_.expect_operator("(");
  for (bool first = true; !tokens_.is_operator(")"); first = false) {
    if (!first) {
      tokens_.expect_operator(",");
      if (tokens_.is_operator(")")) break;
    }
    if (tokens_.skip_operator("*")) {
      ensure(arguments.spread == nullptr && arguments.spread_keywords == nullptr);
      arguments.spread = expression();
    } else if (tokens_.skip_operator("**")) {
      ensure(arguments.spread_keywords == nullptr);
      arguments.spread_keywords = expression();
    } else if (tokens_.is(TokenKind::kName) && tokens_.ahead().kind == TokenKind::kOperator &&
               tokens_.ahead().text == "=") {
      ensure(arguments.spread_keywords == nullptr);
      const TemplateToken& name = tokens_.next();
      for (const auto& keyword : arguments.keywords) {
        if (keyword.first == name.text) {
          tokens_.fail_at("the keyword argument \"" + name.text + "\" is repeated", name.at);
        }
      }
      std::string keyword = name.text;
      tokens_.next();
      arguments.keywords.emplace_back(std::move(keyword), expression());
    } else {
      ensure(arguments.spread == nullptr && arguments.spread_keywords == nullptr &&
             arguments.keywords.empty());
      arguments.positional.push_back(expression());
    }
  }
  tokens_.next();
  return arguments;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
  const TemplateToken& name = tokens_.expect(TokenKind::kName);
  Made made = make(ExpressionKind::kFilter, name.at);
  made->name = name.text;
  while (tokens_.skip_operator(".")) made->name += "." + tokens_.expect(TokenKind::kName).text;
  if (value != nullptr) made->parts.push_back(std::move(value));
  if (tokens_.is_operator("(")) made->arguments = call_arguments();
  return finish(std::move(made));
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr input) {
  ExpressionPtr value = filter(std::move(input));
  while (tokens_.skip_operator("|")) value = filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  const std::size_t at = tokens_.next().at;
  const bool negated = tokens_.skip_name("not");
  Made made = make(ExpressionKind::kTest, at);
  made->name = tokens_.expect(TokenKind::kName).text;
  while (tokens_.skip_operator(".")) made->name += "." + tokens_.expect(TokenKind::kName).text;
  made->parts.push_back(std::move(value));
  const bool takes_value = tokens_.is(TokenKind::kName) || tokens_.is(TokenKind::kString) ||
                           tokens_.is(TokenKind::kInteger) || tokens_.is(TokenKind::kFloat) ||
                           tokens_.is_operator("[") || tokens_.is_operator("{");
  if (tokens_.is_operator("(")) {
    made->arguments = call_arguments();
  } else if (takes_value && !tokens_.is_name("else") && !tokens_.is_name("or") &&
             !tokens_.is_name("and")) {
    if (tokens_.is_name("is")) tokens_.fail("tests cannot be chained with \"is\"");
    made->arguments.positional.push_back(postfix(primary()));
  }
  ExpressionPtr tested = finish(std::move(made));
  return negated ? make(ExpressionKind::kNot, at, std::move(tested)) : std::move(tested);
}

}  // namespace expandft::jinja
