#include "jinja/text/python_string.h"

#include "base/python_text.h"
#include "base/unicode.h"
#include "base/utf8.h"

#include <algorithm>

#include <utf8proc.h>

namespace expandft::jinja {

bool consists_of(std::string_view text, CharacterClass characters) {
  if (text.empty()) return false;
  if (characters == CharacterClass::kSpace) return python_strip(text).empty();
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    const auto kind = utf8proc_category(static_cast<utf8proc_int32_t>(next.code));
    const bool alpha = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
    const bool decimal = kind == UTF8PROC_CATEGORY_ND;
    const char32_t code = next.code;
    const bool digit = decimal || code == 0xB2 || code == 0xB3 || code == 0xB9 || code == 0x2070 ||
                       (code >= 0x2074 && code <= 0x2079) || (code >= 0x2080 && code <= 0x2089);
    const bool numeric = is_number(code);
    bool belongs = false;
    switch (characters) {
      case CharacterClass::kAlpha:
        belongs = alpha;
        break;
      case CharacterClass::kDecimal:
        belongs = decimal;
        break;
      case CharacterClass::kDigit:
        belongs = digit;
        break;
      case CharacterClass::kNumeric:
        belongs = numeric;
        break;
      default:
        belongs = alpha || numeric;
    }
    if (!belongs) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string_view strip_characters(std::string_view text, std::string_view characters, bool left,
                                  bool right) {
  // One UTF-8 character within another text is always the whole character.
  const auto stripped = [&](std::string_view character) {
    return characters.find(character) != characters.npos;
  };
  while (left && !text.empty() && stripped(text.substr(0, character_length(text)))) {
    text.remove_prefix(character_length(text));
  }
  while (right && !text.empty() && stripped(text.substr(last_character(text)))) {
    text = text.substr(0, last_character(text));
  }
  return text;
}

namespace {

std::vector<std::string_view> split_words(std::string_view text, std::int64_t most,
                                          bool from_right) {
  std::vector<std::string_view> parts = python_split(text);
  if (most < 0 || static_cast<std::int64_t>(parts.size()) <= most) return parts;
  const auto count = static_cast<std::size_t>(most);
  if (from_right) {
    // What is left over at the left end keeps its inner spaces.
    const std::size_t kept = parts.size() - count;
    const char* const end = parts[kept - 1].data() + parts[kept - 1].size();
    const std::string_view rest =
        python_lstrip(text.substr(0, static_cast<std::size_t>(end - text.data())));
    parts[kept - 1] = rest;
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(kept) - 1);
  } else {
    const auto begin = static_cast<std::size_t>(parts[count].data() - text.data());
    parts.resize(count);
    // Unlike the words, the rest keeps the white space at its end.
    parts.push_back(text.substr(begin));
  }
  return parts;
}

}  // namespace

std::vector<std::string_view> split_at(std::string_view text,
                                       std::optional<std::string_view> separator, std::int64_t most,
                                       bool from_right) {
  if (!separator) return split_words(text, most, from_right);
  std::vector<std::string_view> parts;
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = from_right ? text.rfind(*separator) : text.find(*separator);
    if (at == text.npos) break;
    const std::string_view after = text.substr(at + separator->size());
    parts.push_back(from_right ? after : text.substr(0, at));
    text = from_right ? text.substr(0, at) : after;
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character next = decode_character(text.substr(at));
    const char32_t code = next.code;
    const bool ends = (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) ||
                      code == 0x85 || code == 0x2028 || code == 0x2029;
    std::size_t after = at + next.length;
    if (ends) {
      if (code == '\r' && text.substr(after).starts_with('\n')) ++after;
      lines.push_back(text.substr(begin, (keeps_ends ? after : at) - begin));
      begin = after;
    }
    at = after;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string replaced(std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t most) {
  std::string result;
  std::int64_t done = 0;
  const auto allowed = [&] { return most < 0 || done < most; };
  if (old.empty()) {  // before each character, and at the end
    while (!text.empty() && allowed()) {
      const std::size_t length = character_length(text);
      result += with;
      result += text.substr(0, length);
      text.remove_prefix(length);
      ++done;
    }
    if (text.empty() && allowed()) result += with;
    return result += text;
  }
  while (allowed()) {
    const std::size_t at = text.find(old);
    if (at == text.npos) break;
    result += text.substr(0, at);
    result += with;
    text.remove_prefix(at + old.size());
    ++done;
  }
  return result += text;
}

std::int64_t count_of(std::string_view text, std::string_view part) {
  if (part.empty()) return static_cast<std::int64_t>(character_count(text)) + 1;
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

std::size_t byte_of(std::string_view text, std::int64_t index) {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += character_length(text.substr(at));
    --index;
  }
  return at;
}

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    characters.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return characters;
}

}  // namespace expandft::jinja
