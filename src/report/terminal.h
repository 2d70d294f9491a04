#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

/// Columns that UTF-8 text takes on a terminal, by utf8proc's tables: none for combining marks and
/// control characters, two for East Asian wide characters and for emoji, including sequences that
/// are shown as one. An invalid byte counts as one column.
std::size_t display_width(std::string_view text);

/// The text cut to a width, with an ellipsis ("~" without `utf8`) in place of what was cut.
std::string cut_to_width(std::string_view text, std::size_t columns, bool utf8 = true);

/// Whether the locale's variables (LC_ALL, LC_CTYPE, LANG, in this order) name UTF-8.
bool locale_is_utf8();

/// Of the terminal at stderr; 80 if there is none.
std::size_t terminal_columns();

/// Whether stderr is a terminal that understands escape sequences.
bool stderr_takes_escapes();

/// Writes in one write() if the system allows it. Text that a closed stderr refuses is dropped.
void write_to_stderr(std::string_view text);

}  // namespace expandft
