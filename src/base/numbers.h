#pragma once

#include "base/json.h"

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// The whole text as a finite number, written as in the C locale.
std::optional<double> parse_number(std::string_view text);
/// The shortest text that reads back as the same number.
std::string shortest_text(double number);

// A written number is one that parse_json kept as its text (JsonNumbers::kAsWritten): 1.10, 1e5,
// 1180591620717411303424. A Json holds it as binary data, which no JSON text can give. Only the
// functions below treat it as a number (docs/decisions/0021-numbers-as-written.md).

/// `text`: a number in JSON's syntax.
Json written_number(std::string_view text);
bool is_written_number(const Json& value);

/// A string, number, true or false as text: strings without quotes, numbers as they were written or
/// else as JSON writes them. Nothing for null, objects and lists.
std::optional<std::string> scalar_text(const Json& value);
/// Json::type_name(), with "number" for written numbers.
const char* json_type_name(const Json& value);

}  // namespace expandft
