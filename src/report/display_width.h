#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

/// Columns that UTF-8 text takes on a terminal: none for combining marks and control characters,
/// two for East Asian wide characters and emoji. A byte that is not UTF-8 counts as one.
std::size_t display_width(std::string_view text);

/// The text cut to a width, with an ellipsis where something was cut.
std::string cut_to_width(std::string_view text, std::size_t columns, bool utf8 = true);

}  // namespace expandft
