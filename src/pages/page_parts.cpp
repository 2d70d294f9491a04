#include "pages/page_parts.h"

#include "pages/html.h"

#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {

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
  // HTML drops a line end right after <pre>: this one, not the text's own.
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

// A phone's style takes tables apart; the roles keep them tables for screen readers.
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
