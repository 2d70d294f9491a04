#pragma once

#include "base/json.h"

#include <cstdint>
#include <string>

namespace expandft {

/// Whether `value` satisfies a JSON Schema fragment. Knows the keywords that our fields use: type,
/// enum, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, minItems, items, anyOf;
/// `pattern` is left to whoever stores the value.
bool matches(const Json& schema, const Json& value);

/// A fragment in words: "an integer from 1 to 64".
std::string describe_schema(const Json& schema);

/// A value as an error message shows it: JSON, cut when long, never invalid UTF-8.
std::string shown(const Json& value);

/// The integer that a value stands for. JSON Schema takes 16.0 and 1e3 for integers, so do we.
std::int64_t to_integer(const Json& value);

bool is_utf8(const std::string& text);

}  // namespace expandft
