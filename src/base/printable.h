#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Control characters as \u escapes, except those in `kept`: a terminal would obey them, and texts
/// come from strangers. They are those of ASCII, and U+0080 to U+009F.
std::string printable(std::string_view text, std::string_view kept = "\t\n");

/// Names in a sentence: "a", "b" and "c"; past `most`, how many more there are.
std::string quoted_list(const std::vector<std::string>& names, std::size_t most = 8);

}  // namespace expandft
