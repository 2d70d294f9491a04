#include "jinja/syntax/syntax.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

bool expression_reads(const ExpressionPtr& expression, const std::string& name) {
  if (expression == nullptr) return false;
  if (expression->kind == ExpressionKind::kName && expression->name == name) return true;
  const auto reads = [&](const ExpressionPtr& part) { return expression_reads(part, name); };
  const CallArguments& arguments = expression->arguments;
  return std::any_of(expression->parts.begin(), expression->parts.end(), reads) ||
         std::any_of(arguments.positional.begin(), arguments.positional.end(), reads) ||
         std::any_of(arguments.keywords.begin(), arguments.keywords.end(),
                     [&](const auto& keyword) { return reads(keyword.second); }) ||
         reads(arguments.spread) || reads(arguments.spread_keywords);
}

bool statement_reads(const Statement& statement, const std::string& name) {
  const auto reads = [&](const ExpressionPtr& part) { return expression_reads(part, name); };
  const MacroDefinition* const macro = statement.macro.get();
  return reads(statement.test) || reads(statement.filter) ||
         std::any_of(statement.expressions.begin(), statement.expressions.end(), reads) ||
         std::any_of(statement.branches.begin(), statement.branches.end(),
                     [&](const Branch& branch) {
                       return reads(branch.condition) || reads_name(branch.body, name);
                     }) ||
         reads_name(statement.body, name) || reads_name(statement.otherwise, name) ||
         (macro != nullptr && (std::any_of(macro->defaults.begin(), macro->defaults.end(), reads) ||
                               reads_name(macro->body, name)));
}

}  // namespace

bool reads_name(const Body& body, const std::string& name) {
  return std::any_of(body.begin(), body.end(),
                     [&](const auto& statement) { return statement_reads(*statement, name); });
}

}  // namespace expandft::jinja
