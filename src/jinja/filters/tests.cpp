// The tests of `value is name`.
#include "jinja/filters/filters.h"
#include "jinja/text/python_string.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/comparison.h"
#include "jinja/values/parameters.h"
#include "jinja/values/printing.h"

namespace expandft::jinja {
namespace {

using Test = bool (*)(Runtime&, const Value&, const std::optional<Value>& argument);
struct KnownTest {
  Test test;
  bool has_argument = false;
};

Value modulo(Runtime& runtime, const Value& value, const Value& divisor) {
  return calculate(runtime, Arithmetic::kModulo, value, divisor);
}

bool leaves(Runtime& runtime, const Value& value, std::int64_t rest) {
  // '…' % 2 formats, and the text equals no number.
  return equal(runtime, modulo(runtime, value, Value::integer(2)), Value::integer(rest));
}

bool is_same(Runtime& runtime, const Value& value, const Value& other) {
  if (value.kind() != other.kind()) return false;
  if (value.is_none() || value.is(ValueKind::kBool)) return value.as_int() == other.as_int();
  if (value.is_number() || value.is_string()) {
    if (value.heap() != nullptr && value.heap() == other.heap()) return true;
    if (!equal(runtime, value, other)) return false;
    runtime.fail("whether equal texts and numbers are the same object is not known",
                 "compare with == or the test eq");
  }
  return value.heap() == other.heap();
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kNone:
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kFloat:
    case ValueKind::kNamespace:
    case ValueKind::kFunction:
      return false;
    default:
      return true;
  }
}

bool is_sequence_like(const Value& value) {
  return value.is_string() || value.is_sequence() || value.is(ValueKind::kDict) ||
         value.is(ValueKind::kRange) || value.is_undefined();
}

template <typename Holds>
constexpr KnownTest plain(Holds) {
  return {[](Runtime&, const Value& value, const std::optional<Value>&) { return Holds{}(value); }};
}
template <typename Holds>
constexpr KnownTest with_argument(Holds) {
  return {[](Runtime& runtime, const Value& value, const std::optional<Value>& argument) {
            return Holds{}(runtime, value, *argument);
          },
          true};
}

const std::unordered_map<std::string_view, KnownTest>& known_tests() {
  using R = Runtime&;
  using V = const Value&;
  static const auto kEqual = with_argument([](R r, V a, V b) { return equal(r, a, b); });
  static const auto kUnequal = with_argument([](R r, V a, V b) { return !equal(r, a, b); });
  static const auto kGreater = with_argument([](R r, V a, V b) { return order(r, a, b, ">") > 0; });
  static const auto kAtLeast =
      with_argument([](R r, V a, V b) { return order(r, a, b, ">=") >= 0; });
  static const auto kLess = with_argument([](R r, V a, V b) { return order(r, a, b, "<") < 0; });
  static const auto kAtMost =
      with_argument([](R r, V a, V b) { return order(r, a, b, "<=") <= 0; });
  static const std::unordered_map<std::string_view, KnownTest> kTests = {
      {"defined", plain([](V v) { return !v.is_undefined(); })},
      {"undefined", plain([](V v) { return v.is_undefined(); })},
      {"none", plain([](V v) { return v.is_none(); })},
      {"boolean", plain([](V v) { return v.is(ValueKind::kBool); })},
      {"true", plain([](V v) { return v.is(ValueKind::kBool) && v.as_int() != 0; })},
      {"false", plain([](V v) { return v.is(ValueKind::kBool) && v.as_int() == 0; })},
      {"integer", plain([](V v) { return v.is(ValueKind::kInt); })},
      {"float", plain([](V v) { return v.is(ValueKind::kFloat); })},
      {"number", plain([](V v) { return v.is_number(); })},
      {"string", plain([](V v) { return v.is_string(); })},
      {"mapping", plain([](V v) { return v.is(ValueKind::kDict); })},
      {"sequence", plain([](V v) { return is_sequence_like(v); })},
      {"iterable", plain([](V v) { return is_iterable(v); })},
      {"callable", plain([](V v) {
         return v.is(ValueKind::kFunction) || v.is(ValueKind::kLoop) || v.is_undefined();
       })},
      {"escaped", plain([](V v) { return v.is_markup(); })},
      {"filter", plain([](V v) { return v.is_string() && has_filter(v.text()); })},
      {"test", plain([](V v) { return v.is_string() && has_test(v.text()); })},
      {"lower",
       {[](R r, V v, const std::optional<Value>&) { return python_is_lower(text_of(r, v)); }}},
      {"upper",
       {[](R r, V v, const std::optional<Value>&) { return python_is_upper(text_of(r, v)); }}},
      {"odd", {[](R r, V v, const std::optional<Value>&) { return leaves(r, v, 1); }}},
      {"even", {[](R r, V v, const std::optional<Value>&) { return leaves(r, v, 0); }}},
      {"divisibleby",
       with_argument([](R r, V a, V b) { return equal(r, modulo(r, a, b), Value::integer(0)); })},
      {"in", with_argument([](R r, V a, V b) { return contains(r, b, a); })},
      {"sameas", with_argument([](R r, V a, V b) { return is_same(r, a, b); })},
      {"==", kEqual},
      {"eq", kEqual},
      {"equalto", kEqual},
      {"!=", kUnequal},
      {"ne", kUnequal},
      {">", kGreater},
      {"gt", kGreater},
      {"greaterthan", kGreater},
      {">=", kAtLeast},
      {"ge", kAtLeast},
      {"<", kLess},
      {"lt", kLess},
      {"lessthan", kLess},
      {"<=", kAtMost},
      {"le", kAtMost},
  };
  return kTests;
}

}  // namespace

bool has_test(std::string_view name) {
  return known_tests().contains(name);
}

bool apply_test(Runtime& runtime, std::string_view name, const Value& value, Arguments arguments) {
  runtime.step();
  const auto found = known_tests().find(name);
  if (found == known_tests().end()) {
    runtime.fail("no test named '" + std::string(name) + "' found");
  }
  const bool takes_one = found->second.has_argument;
  if (arguments.positional.size() + arguments.keywords.size() != (takes_one ? 1u : 0u)) {
    runtime.fail("the test '" + std::string(name) + "' takes " +
                 (takes_one ? "one argument" : "no arguments"));
  }
  std::optional<Value> argument;
  if (takes_one && arguments.positional.empty()) {
    constexpr std::string_view kNames[] = {"num", "seq", "other"};
    for (const std::string_view known : kNames) {
      if (auto taken = arguments.take(known)) argument = std::move(taken);
    }
    if (!argument) runtime.fail("the test '" + std::string(name) + "' takes no such keyword");
  } else if (takes_one) {
    argument = arguments.positional[0];
  }
  return found->second.test(runtime, value, argument);
}

}  // namespace expandft::jinja
