#pragma once

#include "jinja/values/arithmetic.h"
#include "jinja/values/value.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace expandft::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

/// What stands between the parentheses of a call.
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keywords;
  ExpressionPtr spread, spread_keywords;  // *values, **values
};

enum class ExpressionKind {
  kConstant,     // value
  kName,         // name
  kSpaceTarget,  // name.attribute, where an assignment stores: name, and `attribute`
  kTuple,        // parts
  kList,         // parts
  kDict,         // parts: key, value, key, value
  kAttribute,    // parts[0].name
  kElement,      // parts[0][parts[1]]
  kSlice,        // parts[0][parts[1]:parts[2]:parts[3]], absent bounds are null
  kCall,         // parts[0](arguments)
  kFilter,       // parts[0]|name(arguments); no parts: the text of a block
  kTest,         // parts[0] is name(arguments)
  kNot,
  kNegative,
  kPositive,
  kArithmetic,   // parts[0] operation parts[1]
  kConcatenate,  // the texts of parts: ~
  kCompare,      // parts[0] comparisons[0] parts[1] comparisons[1] parts[2]…
  kAnd,
  kOr,
  kConditional,  // parts[1] if parts[0] else parts[2], which may be null
};

enum class ComparisonSign { kEqual, kUnequal, kLess, kAtMost, kGreater, kAtLeast, kIn, kNotIn };

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  std::size_t at = 0;  // byte of the source
  int levels = 1;      // of expressions within it
  std::string name, attribute;
  Value value;
  Arithmetic operation = Arithmetic::kAdd;
  std::vector<ComparisonSign> comparisons;
  std::vector<ExpressionPtr> parts;
  CallArguments arguments;
};

struct Statement;
using Body = std::vector<std::unique_ptr<const Statement>>;

enum class StatementKind {
  kData,         // text
  kPrint,        // expressions
  kIf,           // branches
  kFor,          // target, expressions[0], perhaps `test`; body, otherwise
  kSet,          // target, expressions[0]
  kSetBlock,     // target, body, perhaps `filter`
  kMacro,        // macro
  kCallBlock,    // expressions[0] is the call, macro the caller
  kFilterBlock,  // filter, body
  kWith,         // targets in `branches`, body
  kGeneration,   // body
  kBreak,
  kContinue,
};

struct MacroDefinition {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  Body body;
  bool reads_caller = false, reads_kwargs = false, reads_varargs = false;
};

/// A condition and what it guards; a name and its value of `with`.
struct Branch {
  ExpressionPtr condition;  // null for else
  ExpressionPtr target;     // with
  Body body;
};

struct Statement {
  StatementKind kind = StatementKind::kData;
  std::size_t at = 0;
  std::string text;
  ExpressionPtr target, test, filter;
  std::vector<ExpressionPtr> expressions;
  std::vector<Branch> branches;
  Body body, otherwise;
  bool is_recursive = false;
  std::shared_ptr<const MacroDefinition> macro;
};

/// Whether the body, or anything within it, reads the name.
bool reads_name(const Body& body, const std::string& name);

}  // namespace expandft::jinja
