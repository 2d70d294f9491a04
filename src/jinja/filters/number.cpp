#include "base/numbers.h"
#include "base/python_text.h"
#include "jinja/filters/filters.h"
#include "jinja/text/python_string.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/parameters.h"

#include <charconv>
#include <cmath>

namespace expandft::jinja {
namespace {

/// Python's int(text, base) and float(text) allow single underscores between digits.
std::optional<std::string> without_single_underscores(std::string_view text) {
  std::string kept;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      kept += text[i];
      continue;
    }
    const auto is_alnum = [](char c) {
      return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    };
    if (i == 0 || i + 1 == text.size() || !is_alnum(text[i - 1]) || !is_alnum(text[i + 1])) {
      return std::nullopt;
    }
  }
  return kept;
}

std::optional<std::int64_t> parse_integer(Runtime& runtime, std::string_view text, int base) {
  const auto plain = without_single_underscores(python_strip(text));
  if (!plain) return std::nullopt;
  std::string_view digits = *plain;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto has_prefix = [&](char letter) {
    return digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == letter;
  };
  if (base == 0) {
    base = has_prefix('x') ? 16 : has_prefix('o') ? 8 : has_prefix('b') ? 2 : 10;
    if (base == 10 && digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != digits.npos) {
      return std::nullopt;
    }
  }
  if ((base == 16 && has_prefix('x')) || (base == 8 && has_prefix('o')) ||
      (base == 2 && has_prefix('b'))) {
    digits.remove_prefix(2);
  }
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  std::int64_t value = 0;
  const std::string signed_digits = (negative ? "-" : "") + std::string(digits);
  const auto result = std::from_chars(signed_digits.data(),
                                      signed_digits.data() + signed_digits.size(), value, base);
  if (result.ptr != signed_digits.data() + signed_digits.size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    runtime.fail("the integer has more than 64 bits");
  }
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<double> parse_float(std::string_view text) {
  const auto plain = without_single_underscores(python_strip(text));
  if (!plain || plain->empty()) return std::nullopt;
  std::string_view digits = *plain;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  const std::string lower = python_lower(digits);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = INFINITY;
  } else if (lower == "nan") {
    value = NAN;
  } else {
    if (lower.find_first_not_of("0123456789.e+-") != lower.npos) return std::nullopt;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ptr != digits.data() + digits.size()) return std::nullopt;
    if (result.ec == std::errc::result_out_of_range) {
      // Too small or too large: the exponent's sign says which.
      value = lower.find("e-") != lower.npos ? 0.0 : INFINITY;
    } else if (result.ec != std::errc()) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

Value integer_of(Runtime& runtime, double number, const Value& otherwise) {
  if (!std::isfinite(number)) return otherwise;
  if (!(std::fabs(number) < 9223372036854775808.0)) {
    runtime.fail("the integer has more than 64 bits");
  }
  return Value::integer(static_cast<std::int64_t>(number));
}

/// Python reads digits of all scripts.
void refuse_foreign_digits(Runtime& runtime, std::string_view text) {
  for (const std::string_view character : characters_of(text)) {
    if (character.size() > 1 && consists_of(character, CharacterClass::kDecimal)) {
      runtime.fail("digits that are not ASCII are not supported");
    }
  }
}

Value int_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "int", std::move(given), {"default", "base"}, 0);
  const Value otherwise = parameters.has(0) ? parameters.value(0) : Value::integer(0);
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (value.is_int()) return Value::integer(value.as_int());
  if (value.is(ValueKind::kFloat)) {
    // int() of an infinity is an OverflowError, which Jinja lets pass.
    if (std::isinf(value.as_double())) runtime.fail("cannot convert float infinity to integer");
    return integer_of(runtime, value.as_double(), otherwise);
  }
  if (!value.is_string()) return otherwise;
  refuse_foreign_digits(runtime, value.text());
  const std::int64_t base = parameters.integer(1, 10);
  if (base == 0 || (base >= 2 && base <= 36)) {
    if (const auto parsed = parse_integer(runtime, value.text(), static_cast<int>(base))) {
      return Value::integer(*parsed);
    }
  }
  const std::optional<double> number = parse_float(value.text());
  return number ? integer_of(runtime, *number, otherwise) : otherwise;
}

Value float_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "float", std::move(given), {"default"}, 0);
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (value.is_number()) return Value::number(value.as_double());
  if (value.is_string()) {
    refuse_foreign_digits(runtime, value.text());
    if (const auto number = parse_float(value.text())) return Value::number(*number);
  }
  return parameters.has(0) ? parameters.value(0) : Value::number(0);
}

Value abs_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "abs", std::move(given), {}, 0);
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (!value.is_number()) {
    runtime.fail(std::string("bad operand type for abs(): '") + type_name(value) + "'");
  }
  if (value.is(ValueKind::kFloat)) return Value::number(std::fabs(value.as_double()));
  return value.as_int() < 0 ? negative(runtime, value) : positive(runtime, value);
}

/// round() of Python: the nearest number with so many digits, ties to even, of the exact value.
double rounded(Runtime& runtime, double value, std::int64_t digits) {
  if (!std::isfinite(value)) return value;
  if (digits > 308) return value;
  if (digits < 0) runtime.fail("rounding to tens of a float is not supported");
  char text[1400];
  const auto written = std::to_chars(std::begin(text), std::end(text), value,
                                     std::chars_format::fixed, static_cast<int>(digits));
  double result = value;
  std::from_chars(text, written.ptr, result);
  return result;
}

Value round_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "round", std::move(given), {"precision", "method"}, 0);
  const std::string method = parameters.text(1).value_or("common");
  const std::int64_t precision = parameters.integer(0, 0);
  if (method != "common" && method != "ceil" && method != "floor") {
    runtime.fail("method must be common, ceil or floor");
  }
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (!value.is_number()) {
    runtime.fail(std::string("round: expected a number, not '") + type_name(value) + "'");
  }
  if (method == "common") {
    if (!value.is_int()) return Value::number(rounded(runtime, value.as_double(), precision));
    if (precision >= 0) return Value::integer(value.as_int());
    runtime.fail("rounding to tens is not supported");
  }
  const Value scale =
      calculate(runtime, Arithmetic::kPower, Value::integer(10), Value::integer(precision));
  const Value scaled = calculate(runtime, Arithmetic::kMultiply, value, scale);
  const double number = scaled.as_double();
  const Value whole =
      scaled.is_int()
          ? scaled
          : integer_of(runtime, method == "ceil" ? std::ceil(number) : std::floor(number),
                       Value::none());
  return calculate(runtime, Arithmetic::kDivide, whole, scale);
}

}  // namespace

const FilterTable& number_filters() {
  static const FilterTable kFilters = {
      {"int", int_filter}, {"float", float_filter}, {"abs", abs_filter}, {"round", round_filter}};
  return kFilters;
}

}  // namespace expandft::jinja
