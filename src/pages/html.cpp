#include "pages/html.h"

#include "base/utf8.h"

#include <utility>

#include <spdlog/fmt/fmt.h>

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

/// Whether the text starts with U+FFFE or U+FFFF: valid UTF-8 that XML does not allow.
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

std::string facts_html(const Facts& facts, std::string_view style) {
  std::string out = fmt::format("<dl class=\"{}\">\n", style);
  for (const auto& [label, value] : facts) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_escaped(label),
                       html_escaped(value));
  }
  return out + "</dl>\n";
}

std::string text_box_html(std::string_view style, const std::string& label,
                          const std::string& text) {
  const std::string name = html_escaped(label);
  // HTML drops a line end right after <pre>, so this one protects the text's own.
  const std::string content =
      text.empty()
          ? "<p class=\"quiet empty\">(nothing)</p>\n"
          : fmt::format(
                "<pre tabindex=\"0\" role=\"group\" dir=\"auto\" aria-label=\"{}\">\n{}</pre>\n",
                name, html_escaped(text));
  return fmt::format("<div class=\"{}\">\n<h3>{}</h3>\n{}</div>\n", style, name, content);
}

HtmlTable::HtmlTable(std::vector<std::string> columns, std::string_view label)
    : columns_(std::move(columns)), label_(label) {}

void HtmlTable::row(const std::string& head, const std::vector<std::string>& cells) {
  rows_ += fmt::format("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{}</th>", head);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    rows_ += fmt::format("<td role=\"cell\" data-label=\"{}\">{}</td>",
                         html_escaped(columns_.at(i + 1)), cells[i]);
  }
  rows_ += "</tr>\n";
}

void HtmlTable::group(const std::string& title) {
  rows_ += fmt::format(
      "<tr role=\"row\"><th role=\"rowheader\" class=\"group\" scope=\"rowgroup\" colspan=\"{}\">{}"
      "</th></tr>\n",
      columns_.size(), html_escaped(title));
}

// The CSS for phones takes tables apart; the roles keep them tables for screen readers.
std::string HtmlTable::html() const {
  std::string heads;
  for (const std::string& column : columns_) {
    heads += fmt::format("<th role=\"columnheader\" scope=\"col\">{}</th>", html_escaped(column));
  }
  const std::string label =
      label_.empty() ? "" : fmt::format(" aria-labelledby=\"{}\"", html_escaped(label_));
  return fmt::format(
      "<table role=\"table\"{}>\n<thead role=\"rowgroup\"><tr role=\"row\">{}</tr></thead>\n"
      "<tbody role=\"rowgroup\">\n{}</tbody>\n</table>\n",
      label, heads, rows_);
}

}  // namespace expandft
