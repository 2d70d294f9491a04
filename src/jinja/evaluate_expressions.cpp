#include "jinja/evaluator.h"
#include "jinja/filters/filters.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/attributes.h"
#include "jinja/values/comparison.h"
#include "jinja/values/printing.h"
#include "jinja/values/slices.h"

namespace expandft::jinja {

void Evaluator::enter_level() {
  if (levels_ >= runtime_.limits.levels) {
    runtime_.fail("the template calls itself too deeply: more than " +
                  std::to_string(runtime_.limits.levels) + " levels of evaluation");
  }
  ++levels_;
  runtime_.step();
}

Value Evaluator::evaluate(const Expression& expression) {
  const Level level(*this);
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.value;
    case ExpressionKind::kName:
      return evaluate_name(expression);
    case ExpressionKind::kTuple:
    case ExpressionKind::kList:
    case ExpressionKind::kDict:
      return evaluate_collection(expression);
    case ExpressionKind::kAttribute: {
      const Value value = evaluate(*expression.parts[0]);
      at(expression);
      return attribute(runtime_, value, expression.name);
    }
    case ExpressionKind::kElement: {
      const Value value = evaluate(*expression.parts[0]);
      const Value key = evaluate(*expression.parts[1]);
      at(expression);
      return element(runtime_, value, key);
    }
    case ExpressionKind::kSlice:
      return evaluate_slice(expression);
    case ExpressionKind::kCall:
      return evaluate_call(expression);
    case ExpressionKind::kFilter:
      return evaluate_filter(expression);
    case ExpressionKind::kTest: {
      const Value value = evaluate(*expression.parts[0]);
      Arguments arguments = evaluate_arguments(expression.arguments);
      at(expression);
      return Value::boolean(apply_test(runtime_, expression.name, value, std::move(arguments)));
    }
    case ExpressionKind::kNot:
      return Value::boolean(!truth(evaluate(*expression.parts[0])));
    case ExpressionKind::kNegative:
    case ExpressionKind::kPositive: {
      const Value value = evaluate(*expression.parts[0]);
      at(expression);
      return expression.kind == ExpressionKind::kNegative ? negative(runtime_, value)
                                                          : positive(runtime_, value);
    }
    case ExpressionKind::kArithmetic:
      return evaluate_arithmetic(expression);
    case ExpressionKind::kConcatenate:
      return evaluate_concatenation(expression);
    case ExpressionKind::kCompare:
      return Value::boolean(evaluate_comparison(expression));
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr: {
      Value left = evaluate(*expression.parts[0]);
      const bool decided = truth(left) == (expression.kind == ExpressionKind::kOr);
      return decided ? left : evaluate(*expression.parts[1]);
    }
    case ExpressionKind::kConditional:
      return evaluate_conditional(expression);
    case ExpressionKind::kSpaceTarget:
      break;
  }
  at(expression);
  runtime_.fail("the expression has no value");
}

Value Evaluator::evaluate_name(const Expression& expression) {
  if (const Value* const found = scope_->find(expression.name)) return *found;
  if (expression.name == "self") {
    at(expression);
    runtime_.fail("the name \"self\" (the template's blocks) is not supported");
  }
  return undefined("'" + expression.name + "' is undefined");
}

Value Evaluator::evaluate_collection(const Expression& expression) {
  if (expression.kind == ExpressionKind::kDict) {
    std::vector<std::pair<Value, Value>> items;
    for (std::size_t i = 0; i < expression.parts.size(); i += 2) {
      Value key = evaluate(*expression.parts[i]);
      items.emplace_back(std::move(key), evaluate(*expression.parts[i + 1]));
    }
    at(expression);
    return runtime_.dict(std::move(items));
  }
  std::vector<Value> items;
  items.reserve(expression.parts.size());
  for (const ExpressionPtr& part : expression.parts) items.push_back(evaluate(*part));
  at(expression);
  return expression.kind == ExpressionKind::kList ? runtime_.list(std::move(items))
                                                  : runtime_.tuple(std::move(items));
}

Value Evaluator::evaluate_slice(const Expression& expression) {
  const Value value = evaluate(*expression.parts[0]);
  Value bounds[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const ExpressionPtr& bound = expression.parts[i + 1];
    bounds[i] = bound == nullptr ? Value::none() : evaluate(*bound);
  }
  at(expression);
  return slice_of(runtime_, value, bounds[0], bounds[1], bounds[2]);
}

Arguments Evaluator::evaluate_arguments(const CallArguments& given) {
  Arguments arguments;
  for (const ExpressionPtr& value : given.positional) {
    arguments.positional.push_back(evaluate(*value));
  }
  for (const auto& [name, value] : given.keywords) {
    arguments.keywords.emplace_back(name, evaluate(*value));
  }
  if (given.spread != nullptr) {
    const Value values = evaluate(*given.spread);
    for (Value& value : runtime_.elements(values)) {
      arguments.positional.push_back(std::move(value));
    }
  }
  if (given.spread_keywords != nullptr) {
    const Value values = evaluate(*given.spread_keywords);
    if (!values.is(ValueKind::kDict)) {
      runtime_.fail(std::string("argument after ** must be a mapping, not ") + type_name(values));
    }
    for (const auto& [name, value] : values.dict().items) {
      if (!name.is_string()) runtime_.fail("keywords must be strings");
      if (arguments.take(name.text())) {
        runtime_.fail("got multiple values for keyword argument '" + name.text() + "'");
      }
      arguments.keywords.emplace_back(name.text(), value);
    }
  }
  return arguments;
}

Value Evaluator::evaluate_call(const Expression& expression, const Value* caller) {
  const Value function = evaluate(*expression.parts[0]);
  at(expression);
  Arguments arguments = evaluate_arguments(expression.arguments);
  if (caller != nullptr) {
    if (arguments.take("caller")) runtime_.fail("keyword argument repeated: caller");
    arguments.keywords.emplace_back("caller", *caller);
  }
  at(expression);
  return runtime_.call(function, std::move(arguments));
}

Value Evaluator::evaluate_filter(const Expression& expression) {
  const Value value = expression.parts.empty() ? block_text_ : evaluate(*expression.parts[0]);
  Arguments arguments = evaluate_arguments(expression.arguments);
  at(expression);
  return apply_filter(runtime_, expression.name, value, std::move(arguments));
}

Value Evaluator::evaluate_arithmetic(const Expression& expression) {
  const Value left = evaluate(*expression.parts[0]);
  const Value right = evaluate(*expression.parts[1]);
  at(expression);
  return calculate(runtime_, expression.operation, left, right);
}

Value Evaluator::evaluate_concatenation(const Expression& expression) {
  std::vector<Value> values;
  for (const ExpressionPtr& part : expression.parts) values.push_back(evaluate(*part));
  at(expression);
  std::string joined;
  for (const Value& value : values) joined += text_of(runtime_, value);
  return runtime_.text(std::move(joined));
}

bool Evaluator::evaluate_comparison(const Expression& expression) {
  Value left = evaluate(*expression.parts[0]);
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1]);
    at(expression);
    bool holds = false;
    switch (expression.comparisons[i]) {
      case ComparisonSign::kEqual:
        holds = equal(runtime_, left, right);
        break;
      case ComparisonSign::kUnequal:
        holds = !equal(runtime_, left, right);
        break;
      case ComparisonSign::kLess:
        holds = order(runtime_, left, right, "<") < 0;
        break;
      case ComparisonSign::kAtMost:
        holds = order(runtime_, left, right, "<=") <= 0;
        break;
      case ComparisonSign::kGreater:
        holds = order(runtime_, left, right, ">") > 0;
        break;
      case ComparisonSign::kAtLeast:
        holds = order(runtime_, left, right, ">=") >= 0;
        break;
      case ComparisonSign::kIn:
        holds = contains(runtime_, right, left);
        break;
      case ComparisonSign::kNotIn:
        holds = !contains(runtime_, right, left);
        break;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::evaluate_conditional(const Expression& expression) {
  if (truth(evaluate(*expression.parts[0]))) return evaluate(*expression.parts[1]);
  if (expression.parts[2] != nullptr) return evaluate(*expression.parts[2]);
  return undefined("the inline if-expression evaluated to false and no else section was defined");
}

}  // namespace expandft::jinja
