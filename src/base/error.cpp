#include "base/error.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace expandft {
namespace {

constexpr std::size_t kLongestLine = 600, kKeptOfBegin = 400, kKeptOfEnd = 150;
constexpr std::size_t kMostLines = 200;

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The line, or its begin and end where it is long.
std::string shortened(std::string_view line) {
  if (line.size() <= kLongestLine) return std::string(line);
  std::size_t begin = kKeptOfBegin, end = line.size() - kKeptOfEnd;
  while (begin > 0 && continues_character(line[begin])) --begin;
  while (end < line.size() && continues_character(line[end])) ++end;
  return std::string(line.substr(0, begin)) + " … " + std::string(line.substr(end));
}

/// Control characters as \u escapes: those of UTF-8's first byte, and of its second page (C2 80 to
/// C2 9F). A terminal would obey them.
std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    const bool is_second_page = byte == 0xC2 && i + 1 < text.size() &&
                                static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                                static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_second_page) byte = static_cast<unsigned char>(text[++i]);
    if (is_second_page || (byte < 0x20 && byte != '\t') || byte == 0x7F) {
      out += {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 0xF]};
    } else {
      out += text[i];
    }
  }
  return out;
}

/// What a person can read of a text that may hold anything, of any length; its lines stay lines.
std::string readable(std::string_view text) {
  std::string out;
  for (std::size_t lines = 0; lines < kMostLines; ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += escaped(shortened(text.substr(0, end)));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out + "… and " + std::to_string(std::ranges::count(text, '\n') + 1) + " lines more";
}

}  // namespace

Error::Error(ExitCode code, std::string what, std::string where, std::string hint)
    : code_(code),
      message_(readable(what)),
      where_(escaped(shortened(where))),
      hint_(readable(hint)) {
  text_ = message_;
  if (!where_.empty()) text_ += "\n  where: " + where_;
  if (!hint_.empty()) text_ += "\n  hint:  " + hint_;
}

Error input_error(std::string what, std::string where, std::string hint) {
  return {ExitCode::kBadInput, std::move(what), std::move(where), std::move(hint)};
}

Error failure(std::string what, std::string where, std::string hint) {
  return {ExitCode::kFailed, std::move(what), std::move(where), std::move(hint)};
}

}  // namespace expandft
