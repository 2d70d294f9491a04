#include "pages/html.h"

#include "base/utf8.h"
#include "pages/page_style.h"

namespace expandft {
namespace {

std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
}

/// Whether U+FFFE or U+FFFF starts here: well-formed UTF-8 that XML does not allow.
bool is_no_character(std::string_view text) {
  return text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF");
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  const std::string valid = replace_invalid_utf8(text, Replacing::kEachByte);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    if (c == '\xEF' && is_no_character(std::string_view(valid).substr(i))) {
      out += "\uFFFD";
      i += 2;
      continue;
    }
    const std::string_view escape = is_control(c) ? "\uFFFD" : entity(c);
    if (escape.empty()) {
      out += c;
    } else {
      out += escape;
    }
  }
  return out;
}

std::string html_page(std::string_view title, std::string_view body) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  out += html_escaped(title);
  out += "</title>\n<style>";
  out += page_style();
  out += "</style>\n</head>\n<body>\n<main>\n";
  out += body;
  out += "</main>\n</body>\n</html>\n";
  return out;
}

}  // namespace expandft
