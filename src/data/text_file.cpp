#include "data/text_file.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>
#include <array>

#include <zlib.h>

namespace expandft {
namespace {

constexpr std::string_view kJsonSpace = " \t\r";  // a line may end in CRLF

std::int64_t newlines(std::string_view text) {
  return std::count(text.begin(), text.end(), '\n');
}

/// Splits a file into lines, without the newlines.
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
  std::size_t begin_ = 0, end_ = 0;  // of what was read and not yet returned
  bool at_end_ = false;
};

/// JSON in one line of a file, `where`. parse_json's own line number, always 1, is left out of
/// errors.
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

class TextReader::Inflater {
 public:
  explicit Inflater(std::string where) : where_(std::move(where)) {
    constexpr int kGzipWindow = 15 + 16;  // largest window, gzip header expected
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw failure("zlib could not start", where_);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::size_t read(InputFile& file, std::span<char> buffer) {
    constexpr std::size_t kMost = 1u << 30;  // zlib counts in 32 bits
    buffer = buffer.first(std::min(buffer.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(buffer.size());
    while (stream_.avail_out > 0 && !at_end_) {
      if (stream_.avail_in == 0) {
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(file.read(packed_));
      }
      if (stream_.avail_in == 0) {  // the file ends, which is allowed between members only
        if (!between_members_) damaged("it ends too early");
        at_end_ = true;
      } else {
        inflate_some();
      }
    }
    return buffer.size() - stream_.avail_out;
  }

 private:
  void inflate_some() {
    between_members_ = false;
    const int state = inflate(&stream_, Z_NO_FLUSH);
    if (state == Z_STREAM_END) {
      between_members_ = true;
      inflateReset(&stream_);
    } else if (state != Z_OK) {
      damaged(stream_.msg != nullptr ? stream_.msg : "error " + std::to_string(state));
    }
  }

  [[noreturn]] void damaged(const std::string& reason) const {
    throw input_error("damaged gzip file: " + reason, where_,
                      "compress the file again, or download it again");
  }

  std::string where_;
  z_stream stream_{};
  std::array<char, 1 << 16> packed_{};
  bool between_members_ = false, at_end_ = false;
};

TextReader::TextReader(const fs::path& file) : file_(file) {
  if (file.extension() == ".gz") inflater_ = std::make_unique<Inflater>(file.string());
}

TextReader::~TextReader() = default;

std::size_t TextReader::read(std::span<char> buffer) {
  std::size_t total = 0;
  while (total < buffer.size()) {
    const std::span<char> rest = buffer.subspan(total);
    const std::size_t count = inflater_ ? inflater_->read(file_, rest) : file_.read(rest);
    if (count == 0) break;
    total += count;
  }
  return total;
}

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
                    rest.starts_with('[') ? "write one object per line, without a list around them"
                                          : "write one JSON object per line");
}

void for_each_json_line(const fs::path& file,
                        const std::function<void(const Json& row, std::int64_t line)>& visit) {
  for_each_line(file, [&](std::string_view text, std::int64_t line) {
    visit(parse_row(text, file.string() + ":" + std::to_string(line)), line);
  });
}

}  // namespace expandft
