#include "base/utf8.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/format_spec.h"
#include "jinja/values/formatting.h"
#include "jinja/values/printing.h"

#include <charconv>
#include <cmath>

namespace expandft::jinja {
namespace {

class PercentFormat {
 public:
  PercentFormat(Runtime& runtime, const Value& format, const Value& values)
      : runtime_(runtime), format_(format), text_(format.text()), values_(values) {}

  std::string run() {
    std::string out;
    while (true) {
      const std::size_t percent = text_.find('%');
      out += text_.substr(0, percent);
      if (percent == text_.npos) break;
      text_.remove_prefix(percent + 1);
      if (text_.empty()) runtime_.fail("incomplete format");
      const std::string made = conversion();
      runtime_.reserve(made.size());
      out += made;
    }
    if (!keyed_ && used_ < count()) {
      // A mapping may be left over; lists are one in this respect.
      if (!values_.is(ValueKind::kDict) && !values_.is(ValueKind::kList)) {
        runtime_.fail("not all arguments converted during string formatting");
      }
    }
    return out;
  }

 private:
  std::size_t count() const { return values_.is(ValueKind::kTuple) ? values_.items().size() : 1; }

  Value next_value() {
    if (used_ >= count()) runtime_.fail("not enough arguments for format string");
    const std::size_t index = used_++;
    return values_.is(ValueKind::kTuple) ? values_.items()[index] : values_;
  }

  Value keyed_value() {
    const std::size_t close = text_.find(')');
    if (close == text_.npos) runtime_.fail("incomplete format key");
    if (!values_.is(ValueKind::kDict)) runtime_.fail("format requires a mapping");
    const std::string_view key = text_.substr(1, close - 1);
    const Value* const found = values_.dict().find(key);
    if (found == nullptr) runtime_.fail("the format's key '" + std::string(key) + "' is missing");
    text_.remove_prefix(close + 1);
    keyed_ = true;
    return *found;
  }

  std::int64_t number() {
    if (text_.starts_with('*')) {
      text_.remove_prefix(1);
      const Value value = next_value();
      if (!value.is_int()) runtime_.fail("* wants int");
      return value.as_int();
    }
    std::int64_t value = 0;
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (result.ec == std::errc::result_out_of_range)
      runtime_.fail("the format's width is too large");
    text_.remove_prefix(static_cast<std::size_t>(result.ptr - text_.data()));
    return value;
  }

  /// One conversion, after its percent sign.
  std::string conversion() {
    std::optional<Value> value;
    if (text_.starts_with('(')) value = keyed_value();
    FormatSpec spec;
    spec.align = '>';
    bool zero = false, left = false;
    for (; !text_.empty(); text_.remove_prefix(1)) {
      const char flag = text_[0];
      if (flag == '0') {
        zero = true;
      } else if (flag == '-') {
        left = true;
      } else if (flag == '+' || (flag == ' ' && spec.sign != '+')) {
        spec.sign = flag;
      } else if (flag == '#') {
        spec.alternate = true;
      } else if (flag != ' ') {
        break;
      }
    }
    if (!text_.empty() && text_[0] != '.') spec.width = number();
    if (spec.width < 0) {
      left = true;
      spec.width = spec.width > -INT64_MAX ? -spec.width : INT64_MAX;
    }
    if (left) spec.align = '<';
    if (text_.starts_with('.')) {
      text_.remove_prefix(1);
      const std::int64_t precision = number();
      if (precision > INT32_MAX) runtime_.fail("the format's precision is too large");
      spec.precision = static_cast<int>(std::max<std::int64_t>(precision, 0));
    }
    while (!text_.empty() && (text_[0] == 'l' || text_[0] == 'h' || text_[0] == 'L')) {
      text_.remove_prefix(1);
    }
    if (text_.empty()) runtime_.fail("incomplete format");
    const char type = text_[0];
    text_.remove_prefix(1);
    if (type == '%') return "%";
    if (!value) value = next_value();
    return converted(type, *value, spec, zero && !left);
  }

  std::string converted(char type, const Value& value, FormatSpec spec, bool zero) {
    constexpr std::string_view kIntegers = "diuoxX", kFloats = "eEfFgG";
    if (type == 's' || type == 'r') {
      spec.sign = '-';
      spec.alternate = false;
      if (format_.is_markup() && type == 's') {
        return format_text(runtime_, escaped_text(runtime_, value), spec);
      }
      return format_text(runtime_,
                         type == 's' ? text_of(runtime_, value) : repr_of(runtime_, value), spec);
    }
    if (value.is_undefined() && (type == 'c' || kIntegers.find(type) != kIntegers.npos ||
                                 kFloats.find(type) != kFloats.npos)) {
      runtime_.fail_undefined(value);
    }
    if (kIntegers.find(type) != kIntegers.npos || kFloats.find(type) != kFloats.npos) {
      if (!value.is_number()) {
        runtime_.fail(std::string("%") + type + " format: a real number is required, not " +
                      type_name(value));
      }
      if (zero) {
        spec.fill = "0";
        spec.align = '=';
      }
      if (kFloats.find(type) != kFloats.npos) {
        spec.type = type;
        return format_float(runtime_, value.as_double(), spec);
      }
      const bool decimal = type == 'd' || type == 'i' || type == 'u';
      if (!value.is_int() && !decimal) {
        runtime_.fail(std::string("%") + type + " format: an integer is required, not float");
      }
      if (spec.precision) runtime_.fail("a precision of integers in a format is not supported");
      spec.type = decimal ? 'd' : type;
      if (decimal) spec.alternate = false;
      return format_integer(runtime_, value.is_int() ? value.as_int() : whole(value.as_double()),
                            spec);
    }
    runtime_.fail(std::string("unsupported format character '") + type + "'");
  }

  std::int64_t whole(double number) const {
    if (!(std::fabs(number) < 9.2e18)) {
      runtime_.fail("the number is no integer of 64 bits");
    }
    return static_cast<std::int64_t>(number);
  }

  Runtime& runtime_;
  const Value& format_;
  std::string_view text_;  // what is left of the format
  const Value& values_;
  std::size_t used_ = 0;
  bool keyed_ = false;
};

}  // namespace

std::string percent_format(Runtime& runtime, const Value& format, const Value& values) {
  return PercentFormat(runtime, format, values).run();
}

}  // namespace expandft::jinja
