// Operators, from the loosest to the tightest.
#include "jinja/syntax/expression_parser.h"

#include "jinja/values/limits.h"

#include <algorithm>

namespace expandft::jinja {

ExpressionParser::Made ExpressionParser::make(ExpressionKind kind, std::size_t at) const {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->at = at;
  return made;
}

ExpressionPtr ExpressionParser::finish(Made made) const {
  int inner = 0;
  const auto count = [&](const ExpressionPtr& part) {
    if (part != nullptr) inner = std::max(inner, part->levels);
  };
  for (const ExpressionPtr& part : made->parts) count(part);
  for (const ExpressionPtr& part : made->arguments.positional) count(part);
  for (const auto& keyword : made->arguments.keywords) count(keyword.second);
  count(made->arguments.spread);
  count(made->arguments.spread_keywords);
  made->levels = inner + 1;
  if (made->levels > kMostLevels) {
    tokens_.fail_at(
        "expressions are nested more than " + std::to_string(kMostLevels) + " levels deep",
        made->at);
  }
  return made;
}

ExpressionPtr ExpressionParser::make(ExpressionKind kind, std::size_t at, ExpressionPtr first,
                                     ExpressionPtr second) const {
  Made made = make(kind, at);
  made->parts.push_back(std::move(first));
  if (second != nullptr) made->parts.push_back(std::move(second));
  return finish(std::move(made));
}

ExpressionPtr ExpressionParser::expression(bool with_conditional) {
  return with_conditional ? conditional() : either();
}

ExpressionPtr ExpressionParser::conditional() {
  if (++depth_ > kMostLevels) {
    tokens_.fail("expressions are nested more than " + std::to_string(kMostLevels) +
                 " levels deep");
  }
  ExpressionPtr value = either();
  while (tokens_.is_name("if")) {
    Made made = make(ExpressionKind::kConditional, tokens_.next().at);
    made->parts.push_back(either());
    made->parts.push_back(std::move(value));
    made->parts.push_back(tokens_.skip_name("else") ? conditional() : nullptr);
    value = finish(std::move(made));
  }
  --depth_;
  return value;
}

ExpressionPtr ExpressionParser::either() {
  ExpressionPtr left = both();
  while (tokens_.is_name("or")) {
    const std::size_t at = tokens_.next().at;
    left = make(ExpressionKind::kOr, at, std::move(left), both());
  }
  return left;
}

ExpressionPtr ExpressionParser::both() {
  ExpressionPtr left = negation();
  while (tokens_.is_name("and")) {
    const std::size_t at = tokens_.next().at;
    left = make(ExpressionKind::kAnd, at, std::move(left), negation());
  }
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  std::vector<std::size_t> nots;
  while (tokens_.is_name("not")) nots.push_back(tokens_.next().at);
  ExpressionPtr value = comparison();
  for (auto at = nots.rbegin(); at != nots.rend(); ++at) {
    value = make(ExpressionKind::kNot, *at, std::move(value));
  }
  return value;
}

ExpressionPtr ExpressionParser::comparison() {
  constexpr std::pair<std::string_view, ComparisonSign> kSigns[] = {
      {"==", ComparisonSign::kEqual},  {"!=", ComparisonSign::kUnequal},
      {"<", ComparisonSign::kLess},    {"<=", ComparisonSign::kAtMost},
      {">", ComparisonSign::kGreater}, {">=", ComparisonSign::kAtLeast}};
  const auto next_sign = [&]() -> std::optional<ComparisonSign> {
    for (const auto& [text, sign] : kSigns) {
      if (tokens_.skip_operator(text)) return sign;
    }
    if (tokens_.skip_name("in")) return ComparisonSign::kIn;
    const bool not_in = tokens_.is_name("not") && tokens_.ahead().kind == TokenKind::kName &&
                        tokens_.ahead().text == "in";
    if (!not_in) return std::nullopt;
    tokens_.next();
    tokens_.next();
    return ComparisonSign::kNotIn;
  };
  ExpressionPtr first = sum();
  Made made;
  std::size_t at = tokens_.current().at;
  while (const std::optional<ComparisonSign> sign = next_sign()) {
    if (made == nullptr) {
      made = make(ExpressionKind::kCompare, at);
      made->parts.push_back(std::move(first));
    }
    made->comparisons.push_back(*sign);
    made->parts.push_back(sum());
  }
  return made == nullptr ? std::move(first) : finish(std::move(made));
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concatenation();
  while (tokens_.is_operator("+") || tokens_.is_operator("-")) {
    Made made = make(ExpressionKind::kArithmetic, tokens_.current().at);
    made->operation = tokens_.next().text == "+" ? Arithmetic::kAdd : Arithmetic::kSubtract;
    made->parts.push_back(std::move(left));
    made->parts.push_back(concatenation());
    left = finish(std::move(made));
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr first = product();
  if (!tokens_.is_operator("~")) return first;
  Made made = make(ExpressionKind::kConcatenate, tokens_.current().at);
  made->parts.push_back(std::move(first));
  while (tokens_.skip_operator("~")) made->parts.push_back(product());
  return finish(std::move(made));
}

ExpressionPtr ExpressionParser::product() {
  constexpr std::pair<std::string_view, Arithmetic> kSigns[] = {{"*", Arithmetic::kMultiply},
                                                                {"/", Arithmetic::kDivide},
                                                                {"//", Arithmetic::kFloorDivide},
                                                                {"%", Arithmetic::kModulo}};
  ExpressionPtr left = power();
  while (true) {
    const auto* const sign =
        std::find_if(std::begin(kSigns), std::end(kSigns),
                     [&](const auto& known) { return tokens_.is_operator(known.first); });
    if (sign == std::end(kSigns)) return left;
    Made made = make(ExpressionKind::kArithmetic, tokens_.next().at);
    made->operation = sign->second;
    made->parts.push_back(std::move(left));
    made->parts.push_back(power());
    left = finish(std::move(made));
  }
}

ExpressionPtr ExpressionParser::power() {
  // To the left, unlike Python: 2 ** 3 ** 2 is 64.
  ExpressionPtr left = unary();
  while (tokens_.is_operator("**")) {
    Made made = make(ExpressionKind::kArithmetic, tokens_.next().at);
    made->operation = Arithmetic::kPower;
    made->parts.push_back(std::move(left));
    made->parts.push_back(unary());
    left = finish(std::move(made));
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  ExpressionPtr value;
  if (tokens_.is_operator("-") || tokens_.is_operator("+")) {
    if (++depth_ > kMostLevels) tokens_.fail("there are too many signs");
    const TemplateToken& sign = tokens_.next();
    const auto kind = sign.text == "-" ? ExpressionKind::kNegative : ExpressionKind::kPositive;
    const std::size_t at = sign.at;
    value = make(kind, at, unary(false));
    --depth_;
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

}  // namespace expandft::jinja
