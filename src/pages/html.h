#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expandft {

/// Text for an element or a quoted attribute, in HTML and XML: & < > " ' become entities; invalid
/// UTF-8, control characters other than tab and line end, and characters that XML does not allow
/// become U+FFFD.
std::string html_escaped(std::string_view text);

using Facts = std::vector<std::pair<std::string, std::string>>;  // label, value: text

/// A list of facts. `style`: "numbers" (large) or "facts" (small).
std::string facts_html(const Facts& facts, std::string_view style);

/// A text with its white space, under its label, in a box that scrolls when the text is long and
/// takes the keyboard focus for that. `style`: "prompt", "base" or "tuned". Escapes label and text.
std::string text_box_html(std::string_view style, const std::string& label,
                          const std::string& text);

/// A table. On a phone each row becomes a card whose cells name their column.
class HtmlTable {
 public:
  /// Columns are text; `label` is the id of the heading that names the table, or "".
  HtmlTable(std::vector<std::string> columns, std::string_view label);
  /// A row's head and one cell for each other column: HTML.
  void row(const std::string& head, const std::vector<std::string>& cells);
  /// A title (text) above the rows that follow.
  void group(const std::string& title);
  std::string html() const;

 private:
  std::vector<std::string> columns_;
  std::string label_, rows_;
};

}  // namespace expandft
