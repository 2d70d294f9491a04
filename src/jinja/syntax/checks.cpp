#include "jinja/syntax/checks.h"

#include "jinja/filters/filters.h"

namespace expandft::jinja {
namespace {

class SyntaxChecker {
 public:
  explicit SyntaxChecker(const Source& source) : source_(source) {}

  /// `is_guarded`: unknown filters are errors only when they are reached.
  void check(const Body& body, bool is_guarded, bool in_loop) {
    for (const auto& statement : body) check(*statement, is_guarded, in_loop);
  }

 private:
  void check(const Statement& statement, bool is_guarded, bool in_loop) {
    const bool is_if = statement.kind == StatementKind::kIf;
    const bool is_for = statement.kind == StatementKind::kFor;
    if (in_loop || is_for) check_target(statement.target);
    for (const ExpressionPtr& expression : statement.expressions) check(expression, is_guarded);
    check(statement.test, false);
    check(statement.filter, false);
    for (const Branch& branch : statement.branches) {
      check(branch.condition, is_guarded || is_if);
      check(branch.body, true, in_loop);
    }
    check(statement.body, false, in_loop || is_for);
    check(statement.otherwise, false, in_loop || is_for);
    if (statement.macro != nullptr) {
      for (const ExpressionPtr& value : statement.macro->defaults) check(value, false);
      check(statement.macro->body, false, in_loop);
    }
  }

  void check_target(const ExpressionPtr& target) const {
    if (target == nullptr) return;
    if (target->kind == ExpressionKind::kName && target->name == "loop") {
      throw source_.error("cannot assign to the special variable \"loop\" within a loop",
                          target->at);
    }
    for (const ExpressionPtr& part : target->parts) check_target(part);
  }

  void check(const ExpressionPtr& expression, bool is_guarded) const {
    if (expression == nullptr) return;
    const bool guards = is_guarded || expression->kind == ExpressionKind::kConditional;
    const bool is_filter = expression->kind == ExpressionKind::kFilter;
    if (!guards && is_filter && !has_filter(expression->name)) {
      throw source_.error("no filter named '" + expression->name + "'", expression->at);
    }
    if (!guards && expression->kind == ExpressionKind::kTest && !has_test(expression->name)) {
      throw source_.error("no test named '" + expression->name + "'", expression->at);
    }
    for (const ExpressionPtr& part : expression->parts) check(part, guards);
    for (const ExpressionPtr& part : expression->arguments.positional) check(part, guards);
    for (const auto& keyword : expression->arguments.keywords) check(keyword.second, guards);
    check(expression->arguments.spread, guards);
    check(expression->arguments.spread_keywords, guards);
  }

  const Source& source_;
};

}  // namespace

void check_syntax(const Source& source, const Body& body) {
  SyntaxChecker(source).check(body, false, false);
}

}  // namespace expandft::jinja
