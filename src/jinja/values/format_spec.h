#pragma once

#include "jinja/values/runtime.h"

#include <optional>
#include <string>
#include <string_view>

namespace expandft::jinja {

/// How a value is written: [[fill]align][sign][#][0][width][grouping][.precision][type] of
/// Python's format(), which printf-style formats are brought into.
struct FormatSpec {
  std::string fill = " ";
  char align = 0;  // < > ^ =, or 0
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = 0;  // , or _
  std::optional<int> precision;
  char type = 0;
};

/// Input error for what is not of that form.
FormatSpec parse_format_spec(Runtime& runtime, std::string_view text);

std::string format_text(Runtime& runtime, std::string_view text, const FormatSpec& spec);
/// Types d b o x X c, and those of floats.
std::string format_integer(Runtime& runtime, std::int64_t value, const FormatSpec& spec);
/// Types e E f F g G %, or none.
std::string format_float(Runtime& runtime, double value, const FormatSpec& spec);
/// format(value, spec). Input errors as Python's: types that do not fit.
std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);

}  // namespace expandft::jinja
