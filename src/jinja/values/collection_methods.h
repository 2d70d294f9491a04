#pragma once

#include "jinja/values/runtime.h"

namespace expandft::jinja {

// The attributes that Python's types have: a bound method or value, or nothing. Methods that would
// change what they belong to are undefined, as in Jinja's immutable sandbox; others that exist in
// Python and not here are input errors when they are called.

std::optional<Value> dict_method(Runtime& runtime, const Value& dict, std::string_view name);
std::optional<Value> sequence_method(Runtime& runtime, const Value& items, std::string_view name);
std::optional<Value> number_attribute(Runtime& runtime, const Value& number, std::string_view name);
std::optional<Value> range_attribute(Runtime& runtime, const Value& range, std::string_view name);
std::optional<Value> function_attribute(Runtime& runtime, const Value& function,
                                        std::string_view name);

}  // namespace expandft::jinja
