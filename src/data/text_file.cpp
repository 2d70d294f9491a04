#include "data/text_file.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>

namespace expandft {
namespace {

constexpr std::string_view kJsonSpace = " \t\r";  // a line may end in CRLF

std::int64_t newlines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
}

/// Cuts a file into lines, without the newlines.
class LineReader {
 public:
  explicit LineReader(const fs::path& file) : reader_(file), check_(file.string()) {}

  /// The next line, valid until the next call. False after the last.
  bool next(std::string_view& line) {
    std::size_t searched = begin_;
    std::size_t end = 0;
    while ((end = find_newline(searched)) == std::string::npos && !at_end_) {
      const std::size_t kept = end_ - begin_;
      std::copy(buffer_.begin() + index(begin_), buffer_.begin() + index(end_), buffer_.begin());
      begin_ = 0;
      searched = end_ = kept;
      if (buffer_.size() < 2 * kept + kLeast) buffer_.resize(2 * kept + kLeast);
      const std::span<char> room = std::span(buffer_).subspan(end_);
      const std::size_t count = reader_.read(room);
      at_end_ = count < room.size();
      end_ += count;
    }
    if (begin_ == end_) return false;
    const std::size_t next = end == std::string::npos ? end_ : end + 1;
    check_.pass(std::string_view(buffer_).substr(begin_, next - begin_));
    line = std::string_view(buffer_).substr(begin_, std::min(end, end_) - begin_);
    begin_ = next;
    return true;
  }

 private:
  static constexpr std::size_t kLeast = 1u << 20;

  static std::ptrdiff_t index(std::size_t at) { return static_cast<std::ptrdiff_t>(at); }
  std::size_t find_newline(std::size_t from) const {
    return std::string_view(buffer_).substr(0, end_).find('\n', from);
  }

  TextReader reader_;
  TextCheck check_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is read and was not given
  bool at_end_ = false;
};

/// A line of a file: parse_json would count lines in it once more.
Json parse_line(std::string_view text, const std::string& where) {
  try {
    return parse_json(text, where, JsonNumbers::kAsWritten);
  } catch (const Error& error) {
    const std::string first = where + ":1:";
    if (!error.where().starts_with(first)) throw;
    throw input_error(error.message(), where + ":" + error.where().substr(first.size()),
                      error.hint());
  }
}

}  // namespace

std::string checked_text(std::string text, const std::string& name) {
  TextCheck(name).pass(text);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

void TextCheck::pass(std::string_view piece) {
  const std::size_t null = piece.find('\0');
  if (null != piece.npos) {
    refuse("found a NUL byte, expected UTF-8 text", piece.substr(0, null));
  }
  const std::size_t invalid = find_invalid_utf8(piece);
  if (invalid != piece.npos) {
    refuse("invalid UTF-8 at byte " + std::to_string(byte_ + invalid), piece.substr(0, invalid));
  }
  byte_ += piece.size();
  line_ += newlines(piece);
}

void TextCheck::refuse(std::string what, std::string_view before) const {
  throw input_error(std::move(what), name_ + ":" + std::to_string(line_ + newlines(before)),
                    "save the file as UTF-8");
}

TextStream::TextStream(const fs::path& file) : reader_(file), check_(file.string()) {}

bool TextStream::append(std::size_t bytes, std::string& text) {
  std::string piece = std::move(cut_off_);
  cut_off_.clear();
  const std::size_t kept = piece.size();
  piece.resize(kept + bytes);
  const std::size_t count = reader_.read(std::span(piece).subspan(kept));
  piece.resize(kept + count);
  const bool at_end = count < bytes;
  const Utf8Prefix whole = utf8_prefix(piece);
  if (!at_end && whole.is_incomplete) {
    cut_off_ = piece.substr(whole.length);
    piece.resize(whole.length);
  }
  check_.pass(piece);
  const bool marked = !begun_ && piece.starts_with(kByteOrderMark);
  begun_ = begun_ || !piece.empty();
  text.append(piece, marked ? kByteOrderMark.size() : 0);
  return !at_end;
}

void for_each_line(const fs::path& file,
                   const std::function<void(std::string_view text, std::int64_t line)>& visit) {
  LineReader lines(file);
  std::string_view text;
  for (std::int64_t line = 1; lines.next(text); ++line) {
    if (line == 1) text = without_byte_order_mark(text);
    if (text.find_first_not_of(kJsonSpace) != text.npos) visit(text, line);
  }
}

Json parse_row(std::string_view text, const std::string& where) {
  const std::size_t first = std::min(text.find_first_not_of(kJsonSpace), text.size());
  const std::string_view rest = text.substr(first);
  if (rest.starts_with('{')) return parse_line(text, where);
  throw input_error("expected a JSON object, found \"" + std::string(cut_to_bytes(rest, 20)) + "\"",
                    where,
                    rest.starts_with('[') ? "write one object a line, without a list around them"
                                          : "write one JSON object a line");
}

void for_each_json_line(const fs::path& file,
                        const std::function<void(const Json& row, std::int64_t line)>& visit) {
  for_each_line(file, [&](std::string_view text, std::int64_t line) {
    visit(parse_row(text, file.string() + ":" + std::to_string(line)), line);
  });
}

}  // namespace expandft
