#pragma once

#include "base/files.h"
#include "base/json.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace expandft {

/// The bytes of a text file, front to back. A file that ends in ".gz" is decompressed, all of its
/// members. Input errors for a file that cannot be read or is damaged.
class TextReader {
 public:
  explicit TextReader(const fs::path& file);
  ~TextReader();

  /// Fills the buffer and returns the number of bytes, less than its size only at the end.
  std::size_t read(std::span<char> buffer);

 private:
  class Inflater;

  InputFile file_;
  std::unique_ptr<Inflater> inflater_;  // null for a file that is not compressed
};

/// The whole text, without a byte order mark at its start. Input error with `name` and line for a
/// NUL byte and for invalid UTF-8.
std::string checked_text(std::string text, const std::string& name);

/// Checks that text which is read piece by piece is UTF-8 without NUL bytes.
class TextCheck {
 public:
  explicit TextCheck(std::string name) : name_(std::move(name)) {}
  /// The next piece of the text. The input error names `name`:line, and the byte in the whole text.
  void pass(std::string_view piece);

 private:
  [[noreturn]] void refuse(std::string what, std::string_view before) const;

  std::string name_;
  std::uint64_t byte_ = 0;
  std::int64_t line_ = 1;
};

/// A file of plain text (or ".gz"), piece by piece, so that it need not fit in memory. A byte order
/// mark at its start is left out.
class TextStream {
 public:
  explicit TextStream(const fs::path& file);
  /// Appends about `bytes` more bytes, in whole characters. False at the end of the text. Input
  /// error with file and line for a NUL byte and for invalid UTF-8.
  bool append(std::size_t bytes, std::string& text);

 private:
  TextReader reader_;
  TextCheck check_;
  std::string cut_off_;  // the first bytes of a character
  bool begun_ = false;
};

/// Calls `visit` with each row's text in a file of JSON lines (or ".gz"), valid until it returns,
/// and its line number, from 1. Only one line is in memory. Blank lines are skipped, and so is a
/// byte order mark at the start. Input errors, at file:line, for NUL bytes and invalid UTF-8.
void for_each_line(const fs::path& file,
                   const std::function<void(std::string_view text, std::int64_t line)>& visit);
/// The row in such a line, which may end in CR. Numbers keep their texts (base/numbers.h). Input
/// errors, at `where`, for malformed JSON and a row that is not an object.
Json parse_row(std::string_view text, const std::string& where);
/// Both together: calls `visit` with each row.
void for_each_json_line(const fs::path& file,
                        const std::function<void(const Json& row, std::int64_t line)>& visit);

}  // namespace expandft
