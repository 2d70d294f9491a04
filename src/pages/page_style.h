#pragma once

#include <string_view>

namespace expandft {

/// The CSS of html_page. Colours of light and dark are set once, at the top; charts use them too.
std::string_view page_style();

}  // namespace expandft
