#pragma once

#include <string>
#include <string_view>

namespace expandft {

/// Text for an element or a quoted attribute, of HTML and of XML: & < > " ' become entities. What
/// is not UTF-8, control characters other than tab and line end, and what XML does not allow become
/// U+FFFD.
std::string html_escaped(std::string_view text);

/// A whole HTML page with the report's style in it: it loads nothing, runs no script, fits phones
/// and desktops, and follows the reader's choice of light or dark. `title` is text, `body` HTML.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace expandft
