#pragma once

#include "base/json.h"
#include "jinja/values/runtime.h"

namespace expandft::jinja {

/// A JSON value as Python reads it; written numbers (base/numbers.h) are ints or floats. Input
/// error: integers beyond 64 bits, and nesting beyond kMostLevels.
Value from_json(Runtime& runtime, const Json& json);

}  // namespace expandft::jinja
