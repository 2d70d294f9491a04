#pragma once

#include "base/files.h"
#include "base/json.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace expandft {

/// Reads a file whole; one that ends in ".gz" is unpacked. Input error when it is damaged.
std::string read_text_file(const fs::path& file);
/// Unpacks gzip data, which may have several members.
std::string gunzip(std::string_view bytes, const std::string& where);

/// Input error with file and line when the text holds a NUL byte or invalid UTF-8.
void check_text(std::string_view text, const std::string& name);
/// The text without a byte order mark at its start.
std::string_view without_byte_order_mark(std::string_view text);

/// Calls `visit` with each row of JSON lines and its line number (from 1). Blank lines are skipped;
/// CRLF and a byte order mark are tolerated. Input errors name `name`:line for damaged JSON, a row
/// that is no object, NUL bytes and invalid UTF-8.
void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(const Json& row, std::int64_t line)>& visit);

}  // namespace expandft
