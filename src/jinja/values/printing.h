#pragma once

#include "jinja/values/runtime.h"

#include <string>

namespace expandft::jinja {

/// str(value), as {{ value }} writes it. Input error for functions and generators, whose text in
/// Python is an address.
std::string text_of(Runtime& runtime, const Value& value);
/// repr(value): strings in quotes.
std::string repr_of(Runtime& runtime, const Value& value);
/// repr of a float: the shortest digits that read back as the same number.
std::string float_text(double number);

}  // namespace expandft::jinja
