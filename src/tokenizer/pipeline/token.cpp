#include "tokenizer/pipeline/token.h"

#include "base/utf8.h"

#include <charconv>

namespace expandft {
namespace {

bool parse_byte(std::string_view token, unsigned& byte) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return false;
  const char* const end = token.data() + 5;
  const auto [stop, problem] = std::from_chars(token.data() + 3, end, byte, 16);
  return problem == std::errc() && stop == end;
}

}  // namespace

bool is_byte_token(std::string_view token) {
  unsigned byte = 0;
  return parse_byte(token, byte);
}

std::string bytes_of_token(std::string_view token) {
  unsigned byte = 0;
  if (parse_byte(token, byte)) return std::string(1, static_cast<char>(byte));
  std::string text;
  for (std::size_t at = 0; at < token.size();) {
    const std::size_t mark = token.find(kSpaceMark, at);
    text += token.substr(at, mark - at);
    if (mark == token.npos) break;
    text += ' ';
    at = mark + kSpaceMark.size();
  }
  return text;
}

void append_byte_run(std::string_view run, std::string& text) {
  if (find_invalid_utf8(run) == run.npos) {
    text += run;
  } else {
    for (std::size_t i = 0; i < run.size(); ++i) text += "\uFFFD";
  }
}

}  // namespace expandft
