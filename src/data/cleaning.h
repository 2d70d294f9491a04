#pragma once

#include <string>
#include <vector>

namespace expandft {

// What lm-evaluation-harness 0.4.13 does to the texts of some data sets before it scores them.

/// hellaswag: white space at the ends goes, " [title]" becomes ". ", other text in brackets goes,
/// and two blanks become one.
std::string clean_wikihow(const std::string& text);
/// wikitext: joins what the data set's tokenization has set apart.
std::string clean_wikitext(const std::string& text);
/// mathqa: "a ) 38 , b ) 27.675 , …" into {"38", "27.675", …}.
std::vector<std::string> split_options(const std::string& text);

}  // namespace expandft
