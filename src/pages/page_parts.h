#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expandft {

using Facts = std::vector<std::pair<std::string, std::string>>;  // label, value: text

/// A list of facts. `style`: "numbers" stand large, "facts" small.
std::string facts_html(const Facts& facts, std::string_view style);

/// A text with its white space, under its label, in a box that scrolls when it is long (and has the
/// focus for that). `style`: "prompt", "base" or "tuned"; label and text are escaped here.
std::string text_box_html(std::string_view style, const std::string& label,
                          const std::string& text);

/// A table of a page: on a phone each row becomes a card, whose cells say their column.
class HtmlTable {
 public:
  /// Columns are text; `label` is the id of what names the table, or "".
  HtmlTable(std::vector<std::string> columns, std::string_view label);
  /// A row's head and its other cells, one for each column: HTML.
  void row(const std::string& head, const std::vector<std::string>& cells);
  /// A title (text) over the rows that follow.
  void group(const std::string& title);
  std::string html() const;

 private:
  std::vector<std::string> columns_;
  std::string label_, rows_;
};

}  // namespace expandft
