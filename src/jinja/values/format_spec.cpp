#include "jinja/values/format_spec.h"

#include "base/utf8.h"
#include "jinja/values/printing.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

namespace expandft::jinja {
namespace {

constexpr int kMostPrecision = 400;

std::string padded(Runtime& runtime, const std::string& sign, std::string body,
                   const FormatSpec& spec, char otherwise) {
  const char align = spec.align == 0 ? otherwise : spec.align;
  const auto length = static_cast<std::int64_t>(character_count(sign) + character_count(body));
  if (spec.width <= length) return sign + body;
  if (spec.width > runtime.limits.output)
    runtime.fail("the width is larger than a rendering may make");
  const auto missing = static_cast<std::size_t>(spec.width - length);
  runtime.reserve(missing * spec.fill.size());
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string before, after;
  for (std::size_t i = 0; i < left; ++i) before += spec.fill;
  for (std::size_t i = left; i < missing; ++i) after += spec.fill;
  return align == '=' ? sign + before + body : before + sign + body + after;
}

std::string grouped(std::string digits, char separator, std::size_t size) {
  if (separator == 0) return digits;
  const std::size_t end =
      std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  for (std::size_t at = end; at > size; at -= size) digits.insert(at - size, 1, separator);
  return digits;
}

std::string sign_text(bool negative, const FormatSpec& spec) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

std::string float_digits(double value, char type, int precision) {
  char digits[1024];
  const auto format = type == 'e'   ? std::chars_format::scientific
                      : type == 'f' ? std::chars_format::fixed
                                    : std::chars_format::general;
  const auto result = std::to_chars(std::begin(digits), std::end(digits), value, format, precision);
  return std::string(digits, result.ptr);
}

}  // namespace

FormatSpec parse_format_spec(Runtime& runtime, std::string_view text) {
  FormatSpec spec;
  const std::string_view whole = text;
  constexpr std::string_view kAligns = "<>^=";
  if (!text.empty()) {
    const std::size_t first = character_length(text);
    if (text.size() > first && kAligns.find(text[first]) != kAligns.npos) {
      spec.fill = text.substr(0, first);
      spec.align = text[first];
      text.remove_prefix(first + 1);
    } else if (kAligns.find(text[0]) != kAligns.npos) {
      spec.align = text[0];
      text.remove_prefix(1);
    }
  }
  const auto take = [&](std::string_view any) {
    if (text.empty() || any.find(text[0]) == any.npos) return '\0';
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  if (const char sign = take("+- ")) spec.sign = sign;
  spec.alternate = take("#") != 0;
  if (take("0") != 0 && spec.align == 0) {
    spec.fill = "0";
    spec.align = '=';
  }
  const auto number = [&](std::int64_t& value) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || value < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
    return true;
  };
  (void)number(spec.width);
  spec.grouping = take(",_");
  if (take(".") != 0) {
    std::int64_t precision = 0;
    if (!number(precision) || precision > INT32_MAX)
      runtime.fail("format specifier missing precision");
    spec.precision = static_cast<int>(precision);
  }
  if (text.size() > 1) runtime.fail("invalid format specifier '" + std::string(whole) + "'");
  if (!text.empty()) spec.type = text[0];
  return spec;
}

std::string format_text(Runtime& runtime, std::string_view text, const FormatSpec& spec) {
  if (spec.type != 0 && spec.type != 's') {
    runtime.fail(std::string("unknown format code '") + spec.type + "' for a str");
  }
  if (spec.align == '=' && spec.fill != "0") {
    runtime.fail("'=' alignment not allowed in string format specifier");
  }
  if (spec.sign != '-' || spec.alternate || spec.grouping != 0) {
    runtime.fail("signs, '#' and grouping are not allowed in a string format specifier");
  }
  std::string cut(text);
  if (spec.precision) {
    std::size_t end = 0;
    for (int i = 0; i < *spec.precision && end < cut.size(); ++i) {
      end += character_length(std::string_view(cut).substr(end));
    }
    cut.resize(end);
  }
  FormatSpec left = spec;
  if (left.align == '=') left.align = '<';  // "05" pads a str at its end
  return padded(runtime, "", std::move(cut), left, '<');
}

std::string format_integer(Runtime& runtime, std::int64_t value, const FormatSpec& spec) {
  constexpr std::string_view kFloats = "eEfFgG%";
  if (spec.type != 0 && kFloats.find(spec.type) != kFloats.npos) {
    return format_float(runtime, static_cast<double>(value), spec);
  }
  if (spec.precision) runtime.fail("precision not allowed in integer format specifier");
  if (spec.type == 'c') runtime.fail("the format code 'c' is not supported");
  const char type = spec.type == 0 || spec.type == 'n' ? 'd' : spec.type;
  const int base = type == 'd'            ? 10
                   : type == 'b'          ? 2
                   : type == 'o'          ? 8
                   : (type | 0x20) == 'x' ? 16
                                          : 0;
  if (base == 0) runtime.fail(std::string("unknown format code '") + type + "' for an int");
  if (spec.grouping == ',' && base != 10) runtime.fail("cannot specify ',' with this format code");
  if (spec.grouping != 0 && spec.align == '=' && spec.fill == "0") {
    runtime.fail("grouping of zero-padded numbers is not supported");
  }
  char digits[80];
  const std::uint64_t magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const auto result = std::to_chars(std::begin(digits), std::end(digits), magnitude, base);
  std::string body(digits, result.ptr);
  body = grouped(std::move(body), spec.grouping, base == 10 ? 3 : 4);
  std::string prefix = sign_text(value < 0, spec);
  if (spec.alternate && base != 10) prefix += std::string("0") + type;
  if (type == 'X') {
    std::transform(body.begin(), body.end(), body.begin(),
                   [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
  }
  return padded(runtime, prefix, std::move(body), spec, '>');
}

std::string format_float(Runtime& runtime, double value, const FormatSpec& spec) {
  constexpr std::string_view kTypes = "eEfFgG%n";
  if (spec.type != 0 && kTypes.find(spec.type) == kTypes.npos) {
    runtime.fail(std::string("unknown format code '") + spec.type + "' for a float");
  }
  if (spec.alternate) runtime.fail("'#' in the format of a float is not supported");
  if (spec.precision.value_or(0) > kMostPrecision) {
    runtime.fail("more than " + std::to_string(kMostPrecision) + " digits are not supported");
  }
  if (spec.grouping != 0 && spec.align == '=' && spec.fill == "0") {
    runtime.fail("grouping of zero-padded numbers is not supported");
  }
  const double magnitude = std::fabs(spec.type == '%' ? value * 100 : value);
  const char type = static_cast<char>(spec.type | 0x20);
  std::string body;
  if (!std::isfinite(magnitude)) {
    body = std::isnan(magnitude) ? "nan" : "inf";
  } else if (spec.type == 0 && !spec.precision) {
    body = float_text(magnitude);
  } else if (spec.type == 0) {
    // As repr with that many digits: fixed up to the precision, and one digit after the point.
    body = float_digits(magnitude, 'g', std::max(*spec.precision, 1));
    if (body.find_first_of(".e") == body.npos) {
      runtime.fail("a precision without a type in a format is not supported here", "write .2f");
    }
  } else {
    body = float_digits(
        magnitude,
        spec.type == '%'   ? 'f'
        : spec.type == 'n' ? 'g'
                           : type,
        type == 'g' ? std::max(spec.precision.value_or(6), 1) : spec.precision.value_or(6));
  }
  if (spec.type == 'E' || spec.type == 'G' || spec.type == 'F') {
    std::transform(body.begin(), body.end(), body.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  }
  if (std::isfinite(magnitude)) body = grouped(std::move(body), spec.grouping, 3);
  if (spec.type == '%') body += '%';
  const bool negative = std::signbit(value) && !std::isnan(value);
  return padded(runtime, sign_text(negative, spec), std::move(body), spec, '>');
}

std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  if (value.is_string()) return format_text(runtime, value.text(), spec);
  if (value.is(ValueKind::kFloat)) return format_float(runtime, value.as_double(), spec);
  if (value.is(ValueKind::kInt)) return format_integer(runtime, value.as_int(), spec);
  if (value.is(ValueKind::kBool)) {
    // format(True, "5") is an int's; without a type and width it is the word.
    if (spec.type == 0 && spec.width == 0) return text_of(runtime, value);
    return format_integer(runtime, value.as_int(), spec);
  }
  runtime.fail(std::string("unsupported format string passed to ") + type_name(value) +
               ".__format__");
}

}  // namespace expandft::jinja
