#pragma once

#include <string>
#include <string_view>

namespace expandft {

/// Control characters as \u escapes, except those in `kept`: a terminal would obey them, and texts
/// come from strangers. They are those of ASCII, and U+0080 to U+009F.
std::string printable(std::string_view text, std::string_view kept = "\t\n");

}  // namespace expandft
