#pragma once

#include "jinja/syntax/syntax.h"
#include "jinja/syntax/template_tokens.h"

#include <string_view>

namespace expandft::jinja {

/// Expressions, with Jinja's grammar and precedence. All functions are input errors for what is not
/// of that grammar, and for expressions within more than kMostLevels others.
class ExpressionParser {
 public:
  explicit ExpressionParser(TemplateTokens& tokens) : tokens_(tokens) {}

  ExpressionPtr expression(bool with_conditional = true);
  /// One expression, or several with commas between them, which are a tuple. `end_name`: a name
  /// that ends it.
  ExpressionPtr tuple(bool with_conditional = true, std::string_view end_name = {});
  /// What is assigned to: names, tuples of them, and with `with_space` attributes of namespaces.
  ExpressionPtr target(bool with_space, std::string_view end_name = {});
  /// "name(arguments)|name…", applied to `input`; null is the text of a block.
  ExpressionPtr filters(ExpressionPtr input);
  /// The name that an assignment, parameter or macro has. Input error for words of the language.
  std::string target_name();

 private:
  using Made = std::unique_ptr<Expression>;

  ExpressionPtr conditional();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr primary();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr filters_and_tests(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  ExpressionPtr call(ExpressionPtr function);
  ExpressionPtr filter(ExpressionPtr value);
  ExpressionPtr tuple_in_parentheses();
  ExpressionPtr brackets(ExpressionKind kind, std::string_view close);
  ExpressionPtr part_of_target(bool with_space);
  CallArguments call_arguments();
  bool ends_tuple(std::string_view end_name) const;

  Made make(ExpressionKind kind, std::size_t at) const;
  ExpressionPtr make(ExpressionKind kind, std::size_t at, ExpressionPtr first,
                     ExpressionPtr second = nullptr) const;
  /// Counts the levels of its parts.
  ExpressionPtr finish(Made made) const;

  TemplateTokens& tokens_;
  int depth_ = 0;
};

}  // namespace expandft::jinja
