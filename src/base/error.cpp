#include "base/error.h"

#include "base/counted.h"
#include "base/printable.h"

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

/// What a person can read of a text that may hold anything, of any length; its lines stay lines.
std::string readable(std::string_view text) {
  std::string out;
  for (std::size_t lines = 0; lines < kMostLines; ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(shortened(text.substr(0, end)));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out + "… and " + counted(std::ranges::count(text, '\n') + 1, "more line");
}

}  // namespace

Error::Error(ExitCode code, std::string what, std::string where, std::string hint)
    : code_(code),
      message_(readable(what)),
      where_(printable(shortened(where), "\t")),
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
