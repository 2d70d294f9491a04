#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace expandft {

using Json = nlohmann::ordered_json;

/// How parse_json keeps numbers: as 64-bit integers and doubles; or those that would be written
/// differently again (decimals, exponents, longer integers) as their text (base/numbers.h).
enum class JsonNumbers { kAsValues, kAsWritten };

/// Parses JSON that comes from outside. Input errors, at `where`:line:column, for duplicate keys,
/// nesting deeper than 64, invalid UTF-8 and trailing text. One byte order mark is allowed.
Json parse_json(std::string_view text, const std::string& where,
                JsonNumbers numbers = JsonNumbers::kAsValues);
/// The start of a value's JSON, in ASCII, for a message.
std::string json_excerpt(const Json& value);
/// The names of an object's members, in order.
std::vector<std::string> member_names(const Json& object);
/// Reads and parses a file. Errors as in read_file and parse_json.
Json read_json(const std::filesystem::path& file);

}  // namespace expandft
