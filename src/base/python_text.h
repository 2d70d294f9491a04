#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

// What Python's str and re do, where results must equal those of programs written in Python (tests
// hold them against CPython 3.11). Text is well-formed UTF-8. White space is str.isspace's: Unicode
// White_Space and the separators U+001C to U+001F.

/// str.strip(), str.lstrip() and str.rstrip().
std::string_view python_strip(std::string_view text);
std::string_view python_lstrip(std::string_view text);
std::string_view python_rstrip(std::string_view text);
/// str.split(): the words between runs of white space.
std::vector<std::string_view> python_split(std::string_view text);
/// len(re.split(r"\s+", text)): runs of white space, plus one.
std::size_t python_word_count(std::string_view text);

/// str.lower(): a capital sigma at a word's end becomes ς (Unicode 15, section 3.13, Final_Sigma).
std::string python_lower(std::string_view text);
/// str.capitalize(): the first character in title case, the others in lower case. A first character
/// whose title case is several characters (ß) stays.
std::string python_capitalize(std::string_view text);
/// Characters that re.IGNORECASE takes for the same become the same, each by itself.
std::string python_fold(std::string_view text);

}  // namespace expandft
