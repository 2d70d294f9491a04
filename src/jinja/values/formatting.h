#pragma once

#include "jinja/values/runtime.h"

#include <string>

namespace expandft::jinja {

/// format % values: %s %r %d %i %f %e %g %x %o %c and their capitals, with flags, width and
/// precision, and %(key)s of a dict. Input errors: values that do not fit or are left over, other
/// conversions.
std::string percent_format(Runtime& runtime, const Value& format, const Value& values);

/// format.format(…): {}, {0}, {name}, {0.attribute}, {0[element]}, !r and !s, and a format spec.
std::string brace_format(Runtime& runtime, const std::string& format, const Arguments& arguments);

}  // namespace expandft::jinja
