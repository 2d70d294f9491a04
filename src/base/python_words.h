#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft {

// More of what Python does to texts (base/python_text.h). Text is well-formed UTF-8.

/// str.lstrip().
std::string_view python_lstrip(std::string_view text);
/// Words as len(re.split(r"\s+", text)) counts them: stretches of white space, plus one.
std::size_t python_word_count(std::string_view text);
/// str.capitalize(): the first character in title case, the others in lower case. A character
/// whose title case is several (ß) stays as it is.
std::string python_capitalize(std::string_view text);

}  // namespace expandft
