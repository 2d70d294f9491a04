#include "jinja/values/source.h"

#include "base/utf8.h"

#include <algorithm>

namespace expandft::jinja {

std::string with_line_feeds(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      lines += text[i];
    } else if (text.substr(i + 1, 1) != "\n") {
      lines += '\n';
    }
  }
  return lines;
}

Source::Source(std::string_view source, std::string template_name)
    : name(std::move(template_name)) {
  constexpr std::size_t kMostBytes = std::size_t{4} << 20;
  if (source.size() > kMostBytes) {
    throw input_error(
        "the template has " + std::to_string(source.size()) + " bytes, and at most 4 MiB are read",
        name);
  }
  if (const std::size_t at = find_invalid_utf8(source); at != source.npos) {
    throw input_error("the template is not UTF-8, at byte " + std::to_string(at), name);
  }
  text = with_line_feeds(source);
  if (text.ends_with('\n')) text.pop_back();
}

std::string Source::place(std::size_t offset) const {
  const std::string_view before = std::string_view(text).substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t begin = before.rfind('\n') + 1;  // 0 without one
  const std::size_t column = 1 + character_count(before.substr(begin));
  return name + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Error Source::error(std::string what, std::size_t offset, std::string hint) const {
  return input_error(std::move(what), place(offset), std::move(hint));
}

}  // namespace expandft::jinja
