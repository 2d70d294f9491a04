#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace expandft {

using Json = nlohmann::ordered_json;

/// What parse_json makes of numbers: 64-bit integers and doubles, or, for those that these would
/// write otherwise (decimals, exponents, longer integers), their own text (base/written_number.h).
enum class JsonNumbers { kAsValues, kAsWritten };

/// Parses JSON from outside. Refuses duplicate keys, nesting deeper than 64, invalid UTF-8 and
/// trailing text; the error names `where` with line and column.
Json parse_json(std::string_view text, const std::string& where,
                JsonNumbers numbers = JsonNumbers::kAsValues);
/// The beginning of a value's JSON, in ASCII, for a message.
std::string json_excerpt(const Json& value);
/// The names of an object's members, in its order.
std::vector<std::string> member_names(const Json& object);
/// Reads and parses a file; a missing or unreadable file is an error that names it.
Json read_json(const std::filesystem::path& file);

/// The candidate nearest to `word` by edit distance, or "" when none is near (for "did you mean").
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace expandft
