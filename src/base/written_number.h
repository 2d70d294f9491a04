#pragma once

#include "base/json.h"

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

// A number that keeps the text it was written with (parse_json with JsonNumbers::kAsWritten): 1.10,
// 1e5, 1180591620717411303424. It lies in a Json as binary data, which no JSON text gives, so that
// only those who ask here take it for a number (docs/decisions/0021-numbers-as-written.md).

/// `text`: a number as JSON writes it.
Json written_number(std::string_view text);
bool is_written_number(const Json& value);

/// What a string, a number, true or false stand for in a text: numbers as they were written, else
/// as JSON writes them. Nothing for null, objects and lists.
std::optional<std::string> scalar_text(const Json& value);
/// Json::type_name, which knows written numbers.
const char* json_type_name(const Json& value);

}  // namespace expandft
