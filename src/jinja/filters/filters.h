#pragma once

#include "jinja/values/runtime.h"

#include <string_view>
#include <unordered_map>

namespace expandft::jinja {

using Filter = Value (*)(Runtime&, const Value&, Arguments);
using FilterTable = std::unordered_map<std::string_view, Filter>;

/// Whether Jinja has a filter, or a test, of that name.
bool has_filter(std::string_view name);
bool has_test(std::string_view name);

/// value|name(arguments). Input errors: an unknown filter, one that is not supported (what escapes
/// HTML or is random), and whatever the filter refuses.
Value apply_filter(Runtime& runtime, std::string_view name, const Value& value,
                   Arguments arguments);
/// value is name(arguments).
bool apply_test(Runtime& runtime, std::string_view name, const Value& value, Arguments arguments);

// The filters by what they work on, one file each.
const FilterTable& text_filters();
const FilterTable& number_filters();
const FilterTable& sequence_filters();
const FilterTable& selection_filters();

}  // namespace expandft::jinja
