#include "text/text_file.h"

#include "base/error.h"
#include "text/utf8.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

namespace expandft {
namespace {

std::string line_place(const std::string& name, std::string_view text, std::size_t at) {
  return name + ":" +
         std::to_string(
             1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

struct Inflater {
  z_stream stream{};
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& where) {
  constexpr int kGzipWindow = 15 + 16;  // largest window, gzip header expected
  Inflater inflater;
  z_stream& stream = inflater.stream;
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw failure("zlib could not start", where);
  std::string text;
  std::array<char, 1 << 16> buffer{};
  int state = Z_OK;
  do {
    if (stream.avail_in == 0) {  // zlib counts input in 32 bits
      const std::size_t part =
          std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max() / 2);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(part);
      bytes.remove_prefix(part);
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    state = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer.data(), buffer.size() - stream.avail_out);
    if (state == Z_STREAM_END && stream.avail_in + bytes.size() > 0) {
      inflateReset(&stream);  // the next member
      state = Z_OK;
    }
  } while (state == Z_OK);
  if (state != Z_STREAM_END) {
    const std::string reason = state == Z_BUF_ERROR    ? "it ends too early"
                               : stream.msg != nullptr ? std::string(stream.msg)
                                                       : "error " + std::to_string(state);
    throw input_error("damaged gzip file: " + reason, where, "pack or fetch the file again");
  }
  return text;
}

std::string read_text_file(const fs::path& file) {
  std::string bytes = read_file(file);
  return file.extension() == ".gz" ? gunzip(bytes, file.string()) : bytes;
}

void check_text(std::string_view text, const std::string& name) {
  const std::size_t null = text.find('\0');
  if (null != text.npos) {
    throw input_error("found a NUL byte, expected UTF-8 text", line_place(name, text, null),
                      "save the file as UTF-8");
  }
  const std::size_t invalid = find_invalid_utf8(text);
  if (invalid != text.npos) {
    throw input_error("invalid UTF-8 at byte " + std::to_string(invalid),
                      line_place(name, text, invalid), "save the file as UTF-8");
  }
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with("\uFEFF")) text.remove_prefix(3);
  return text;
}

void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(const Json& row, std::int64_t line)>& visit) {
  check_text(text, name);
  text = without_byte_order_mark(text);
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row_text = text.substr(0, end);  // JSON takes the CR for white space
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = row_text.find_first_not_of(" \t\r");
    if (first == row_text.npos) continue;
    const std::string where = name + ":" + std::to_string(line);
    if (row_text[first] != '{') {
      throw input_error(
          "expected a JSON object, found \"" +
              std::string(row_text.substr(first, utf8_prefix(row_text.substr(first, 20)).length)) +
              "\"",
          where,
          row_text[first] == '[' ? "write one object a line, without a list around them"
                                 : "write one JSON object a line");
    }
    const Json row = parse_json(row_text, where);
    visit(row, line);
  }
}

}  // namespace expandft
