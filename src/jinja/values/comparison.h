#pragma once

#include "jinja/values/runtime.h"

#include <compare>

namespace expandft::jinja {

/// left == right in Python: 1 == 1.0 == True, lists and tuples differ, dicts in any order.
bool equal(Runtime& runtime, const Value& left, const Value& right);
/// The same for keys of dicts, which are hashable.
bool equal_keys(const Value& left, const Value& right);
/// left < right and so on; unordered with a NaN. Input error for what has no order.
std::partial_ordering order(Runtime& runtime, const Value& left, const Value& right,
                            const char* sign = "<");
/// member in container.
bool contains(Runtime& runtime, const Value& container, const Value& member);

}  // namespace expandft::jinja
