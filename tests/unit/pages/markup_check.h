#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::testing {

/// The first fault in the tags of HTML or SVG, or "": elements must close in order, attributes must
/// have double quotes, and an ampersand must start an entity. Ignores <style>, <!DOCTYPE> and
/// <?xml?>.
inline std::string markup_fault(std::string_view text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '&') {
      const std::size_t end = text.find(';', at);
      if (end == text.npos || end - at > 6) return "bare & at " + std::to_string(at);
    }
    if (text[at] == '>') return "bare > at " + std::to_string(at);
    if (text[at] != '<') {
      ++at;
      continue;
    }
    const std::size_t end = text.find('>', at);
    if (end == text.npos) return "a tag without an end";
    const std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with("!DOCTYPE") || tag.starts_with("?xml ") || tag.starts_with("meta "))
      continue;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0 || tag.find('<') != tag.npos) {
      return "damaged tag: " + std::string(tag);
    }
    if (tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "unexpected " + std::string(tag);
      open.pop_back();
      continue;
    }
    open.emplace_back(tag.substr(0, tag.find(' ')));
    if (open.back() == "style") at = text.find("</style>", at);
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

/// How often a part occurs in a text, without overlaps.
inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace expandft::testing
