#pragma once

#include <string>
#include <string_view>

namespace expandft {

/// A complete HTML page with the reports' CSS. It loads nothing, runs no script, fits phones and
/// desktops, and follows the reader's choice of light or dark. `title` is text, `body` HTML.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace expandft
