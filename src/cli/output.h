#pragma once

#include "base/json.h"

#include <string_view>

namespace expandft {

/// Writes results to stdout, with control characters as escapes. A stdout that cannot be written (a
/// full disk) is a failure, here and below.
void print(std::string_view text);
/// Writes what a model wrote, whole characters at a time: as it is, but on a terminal as `print`.
void print_generated(std::string_view text);
/// JSON, indented, with a new line at its end. Bytes that are not UTF-8 are replaced.
void print_json(const Json& json);
/// The same on one line.
void print_json_line(const Json& json);
void flush_output();

/// A text from a file, or from stdin when the name is "-"; without a byte order mark. Input error
/// for what is no UTF-8 text, with its line.
std::string read_text(const std::string& file_or_dash);

}  // namespace expandft
