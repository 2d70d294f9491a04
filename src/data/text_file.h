#pragma once

#include "base/json.h"
#include "data/text_reader.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace expandft {

/// A text that was read whole, without the byte order mark that it may begin with. Input error
/// with `name` and line for a NUL byte and for invalid UTF-8.
std::string checked_text(std::string text, const std::string& name);

/// Tells where text that is read piece by piece is no UTF-8, or holds a NUL byte.
class TextCheck {
 public:
  explicit TextCheck(std::string name) : name_(std::move(name)) {}
  /// The next piece of the text. An error names `name`:line, and the byte of the whole text.
  void pass(std::string_view piece);

 private:
  [[noreturn]] void refuse(std::string what, std::string_view before) const;

  std::string name_;
  std::uint64_t byte_ = 0;
  std::int64_t line_ = 1;
};

/// A file of plain text, piece by piece, so that the whole need not fit in memory. Packed or not
/// (data/text_reader.h); without the byte order mark that it may begin with.
class TextStream {
 public:
  explicit TextStream(const fs::path& file);
  /// Appends about `bytes` more bytes of it, whole characters. False at the end of the text. Input
  /// error with file and line for a NUL byte and for invalid UTF-8.
  bool append(std::size_t bytes, std::string& text);

 private:
  TextReader reader_;
  TextCheck check_;
  std::string cut_off_;  // the beginning of a character
  bool begun_ = false;
};

/// Calls `visit` with the text of each row of JSON lines, valid until it returns, and its line
/// number (from 1), with no more than one line in memory. Packed or not. Blank lines are skipped, a
/// byte order mark is tolerated. Input errors name file:line for NUL bytes and invalid UTF-8.
void for_each_line(const fs::path& file,
                   const std::function<void(std::string_view text, std::int64_t line)>& visit);
/// The row that such a line holds; it may end in CR. Numbers keep their texts
/// (base/written_number.h). Input errors, at `where`, for damaged JSON and a row that is no object.
Json parse_row(std::string_view text, const std::string& where);
/// Both together: calls `visit` with each row.
void for_each_json_line(const fs::path& file,
                        const std::function<void(const Json& row, std::int64_t line)>& visit);

}  // namespace expandft
