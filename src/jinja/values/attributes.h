#pragma once

#include "jinja/values/runtime.h"

namespace expandft::jinja {

// How Jinja's sandbox reads value.name and value[key]: the first prefers what Python calls an
// attribute (a method of str, dict or list), the second an element; each falls back to the other.
// Attributes are methods of data and nothing else. What is not there is undefined, and so are
// methods that would change a list or dict.

Value attribute(Runtime& runtime, const Value& value, std::string_view name);
Value element(Runtime& runtime, const Value& value, const Value& key);

}  // namespace expandft::jinja
