#include "jinja/values/arithmetic.h"

#include "jinja/values/formatting.h"
#include "jinja/values/printing.h"

#include <algorithm>
#include <cmath>

namespace expandft::jinja {
namespace {

const char* sign_of(Arithmetic operation) {
  switch (operation) {
    case Arithmetic::kAdd:
      return "+";
    case Arithmetic::kSubtract:
      return "-";
    case Arithmetic::kMultiply:
      return "*";
    case Arithmetic::kDivide:
      return "/";
    case Arithmetic::kFloorDivide:
      return "//";
    case Arithmetic::kModulo:
      return "%";
    case Arithmetic::kPower:
      return "** or pow()";
  }
  return "?";
}

[[noreturn]] void fail_too_large(const Runtime& runtime) {
  runtime.fail("the result is an integer of more than 64 bits, which is not supported");
}

std::int64_t integer_power(const Runtime& runtime, std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) {
      fail_too_large(runtime);
    }
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fail_too_large(runtime);
  }
  return result;
}

double float_modulo(double left, double right) {
  double rest = std::fmod(left, right);
  if (rest != 0) {
    if ((rest < 0) != (right < 0)) rest += right;
  } else {
    rest = std::copysign(0.0, right);
  }
  return rest;
}

/// Python's float_divmod: the quotient of what is left after the modulo, rounded.
double float_floor_divide(double left, double right) {
  double rest = std::fmod(left, right);
  double quotient = (left - rest) / right;
  if (rest != 0 && (rest < 0) != (right < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, left / right);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value integers(const Runtime& runtime, Arithmetic operation, std::int64_t left,
               std::int64_t right) {
  std::int64_t result = 0;
  switch (operation) {
    case Arithmetic::kAdd:
      if (__builtin_add_overflow(left, right, &result)) fail_too_large(runtime);
      return Value::integer(result);
    case Arithmetic::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) fail_too_large(runtime);
      return Value::integer(result);
    case Arithmetic::kMultiply:
      if (__builtin_mul_overflow(left, right, &result)) fail_too_large(runtime);
      return Value::integer(result);
    case Arithmetic::kDivide:
      // Rounded once, from a type that holds both exactly.
      if (right == 0) runtime.fail("division by zero");
      return Value::number(
          static_cast<double>(static_cast<long double>(left) / static_cast<long double>(right)));
    case Arithmetic::kFloorDivide:
    case Arithmetic::kModulo: {
      const bool divides = operation == Arithmetic::kFloorDivide;
      if (right == 0) {
        runtime.fail(divides ? "integer division or modulo by zero" : "integer modulo by zero");
      }
      if (right == -1) {  // INT64_MIN / -1 overflows
        if (!divides) return Value::integer(0);
        if (__builtin_sub_overflow(std::int64_t{0}, left, &result)) fail_too_large(runtime);
        return Value::integer(result);
      }
      const std::int64_t rest = left % right;
      const bool rounds = rest != 0 && (rest < 0) != (right < 0);
      if (divides) return Value::integer(left / right - (rounds ? 1 : 0));
      return Value::integer(rounds ? rest + right : rest);
    }
    case Arithmetic::kPower:
      if (right >= 0) return Value::integer(integer_power(runtime, left, right));
      if (left == 0) runtime.fail("0.0 cannot be raised to a negative power");
      return Value::number(std::pow(static_cast<double>(left), static_cast<double>(right)));
  }
  return {};
}

Value floats(const Runtime& runtime, Arithmetic operation, double left, double right) {
  const bool divides = operation == Arithmetic::kDivide || operation == Arithmetic::kFloorDivide ||
                       operation == Arithmetic::kModulo;
  if (divides && right == 0) runtime.fail("float division by zero");
  switch (operation) {
    case Arithmetic::kAdd:
      return Value::number(left + right);
    case Arithmetic::kSubtract:
      return Value::number(left - right);
    case Arithmetic::kMultiply:
      return Value::number(left * right);
    case Arithmetic::kDivide:
      return Value::number(left / right);
    case Arithmetic::kFloorDivide:
      return Value::number(float_floor_divide(left, right));
    case Arithmetic::kModulo:
      return Value::number(float_modulo(left, right));
    case Arithmetic::kPower: {
      if (left == 0 && right < 0) runtime.fail("0.0 cannot be raised to a negative power");
      const double power = std::pow(left, right);
      if (std::isnan(power) && !std::isnan(left) && !std::isnan(right)) {
        runtime.fail("the power is a complex number, which is not supported");
      }
      if (std::isinf(power) && !std::isinf(left) && !std::isinf(right)) {
        runtime.fail("the power is too large for a float");
      }
      return Value::number(power);
    }
  }
  return {};
}

Value repeated(Runtime& runtime, const Value& value, std::int64_t times) {
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
  const std::size_t size = value.is_string() ? value.text().size() : value.items().size();
  if (size > 0 && count > static_cast<std::size_t>(runtime.limits.bytes) / size) {
    runtime.fail("the repeated value is larger than a rendering may make");
  }
  runtime.reserve(count * size);
  runtime.step(static_cast<std::int64_t>(count));
  if (value.is_string()) {
    std::string text;
    text.reserve(count * size);
    for (std::size_t i = 0; size > 0 && i < count; ++i) text += value.text();
    return runtime.text(std::move(text), value.is_markup());
  }
  std::vector<Value> items;
  if (size > 0) runtime.reserve(count * size * sizeof(Value));
  for (std::size_t i = 0; size > 0 && i < count; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is(ValueKind::kList) ? runtime.list(std::move(items))
                                    : runtime.tuple(std::move(items));
}

Value joined_values(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is_string()) {
    if (!left.is_markup() && !right.is_markup()) {
      runtime.reserve(left.text().size() + right.text().size());
      return runtime.text(left.text() + right.text());
    }
    return runtime.text(escaped_text(runtime, left) + escaped_text(runtime, right), true);
  }
  runtime.reserve((left.items().size() + right.items().size()) * sizeof(Value));
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is(ValueKind::kList) ? runtime.list(std::move(items))
                                   : runtime.tuple(std::move(items));
}

}  // namespace

std::string escaped_text(Runtime& runtime, const Value& value) {
  std::string text = text_of(runtime, value);
  if (value.is_markup()) return text;
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '"':
        escaped += "&#34;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

Value calculate(Runtime& runtime, Arithmetic operation, const Value& left, const Value& right) {
  if (left.is_undefined()) runtime.fail_undefined(left);
  if (operation == Arithmetic::kModulo && left.is_string()) {
    return runtime.text(percent_format(runtime, left, right), left.is_markup());
  }
  if (right.is_undefined()) runtime.fail_undefined(right);
  if (left.is_number() && right.is_number()) {
    if (left.is_int() && right.is_int()) {
      return integers(runtime, operation, left.as_int(), right.as_int());
    }
    return floats(runtime, operation, left.as_double(), right.as_double());
  }
  const auto is_series = [](const Value& value) {
    return value.is_string() || value.is_sequence();
  };
  if (operation == Arithmetic::kMultiply) {
    if (is_series(left) && right.is_int()) return repeated(runtime, left, right.as_int());
    if (left.is_int() && is_series(right)) return repeated(runtime, right, left.as_int());
  }
  if (operation == Arithmetic::kAdd && is_series(left) && left.kind() == right.kind()) {
    return joined_values(runtime, left, right);
  }
  if (operation == Arithmetic::kSubtract && left.is(ValueKind::kView)) {
    runtime.fail("sets are not supported");
  }
  if (operation == Arithmetic::kAdd && left.is_string()) {
    runtime.fail(std::string("can only concatenate str (not \"") + type_name(right) + "\") to str");
  }
  runtime.fail(std::string("unsupported operand type(s) for ") + sign_of(operation) + ": '" +
               type_name(left) + "' and '" + type_name(right) + "'");
}

Value negative(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (value.is_int()) {
    return integers(runtime, Arithmetic::kSubtract, 0, value.as_int());
  }
  if (value.is(ValueKind::kFloat)) return Value::number(-value.as_double());
  runtime.fail(std::string("bad operand type for unary -: '") + type_name(value) + "'");
}

Value positive(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (value.is_int()) return Value::integer(value.as_int());
  if (value.is(ValueKind::kFloat)) return value;
  runtime.fail(std::string("bad operand type for unary +: '") + type_name(value) + "'");
}

}  // namespace expandft::jinja
