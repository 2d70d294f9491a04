#pragma once

#include "jinja/values/runtime.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace expandft::jinja {

/// The bound method of a str, or nothing if str has no such attribute. Methods that exist in Python
/// and not here, and formats that are not known, are input errors when they are called.
std::optional<Value> string_method(const Value& text, std::string_view name);

/// A method by its name, since several are one function.
using StringMethod = Value (*)(Runtime&, const Value& self, const std::string& name, Arguments);
using StringMethods = std::unordered_map<std::string_view, StringMethod>;
/// The methods that say something about the text: startswith, find, count, isdigit…
const StringMethods& string_questions();

}  // namespace expandft::jinja
