#pragma once

#include "jinja/values/runtime.h"

namespace expandft::jinja {

enum class Arithmetic { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

/// left + right and so on, with Python's rules for each pair of types: texts and lists are joined
/// and repeated, % formats, // and % round down. Input errors: types without the operation,
/// division by zero, integers beyond 64 bits.
Value calculate(Runtime& runtime, Arithmetic operation, const Value& left, const Value& right);
Value negative(Runtime& runtime, const Value& value);
Value positive(Runtime& runtime, const Value& value);

/// Markup for HTML: & < > ' " as entities, unless the value is markup already.
std::string escaped_text(Runtime& runtime, const Value& value);

}  // namespace expandft::jinja
