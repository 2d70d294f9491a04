#pragma once

#include "base/files.h"
#include "base/json.h"

#include <optional>
#include <string>

namespace expandft {

/// The number at a key of an object; none if it is missing or not a number.
std::optional<double> number_at(const Json& json, const char* key);

/// The text at a key of an object; "" if it is missing or not a string.
std::string text_at(const Json& json, const char* key);

/// Indented JSON with a final line end, as in summary.json and for --json. NaN and infinities
/// become null.
std::string pretty_json(const Json& value);
/// Writes pretty_json atomically.
void write_json(const fs::path& file, const Json& value);

}  // namespace expandft
