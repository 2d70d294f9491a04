#pragma once

#include "data/rows/template_filters.h"

#include <string>
#include <vector>

namespace expandft {

/// The filters that templates of tasks have besides the general ones: wikihow, wikitext and
/// split_options. They change texts as lm-evaluation-harness 0.4.13 does before it scores them.
const TextFilters& harness_filters();

/// hellaswag: removes white space at the ends, replaces " [title]" by ". ", removes other text in
/// brackets and replaces two spaces by one.
std::string clean_wikihow(const std::string& text);
/// wikitext: joins what the data set's tokenization has separated.
std::string clean_wikitext(const std::string& text);
/// mathqa: "a ) 38 , b ) 27.675 , …" becomes {"38", "27.675", …}.
std::vector<std::string> split_options(const std::string& text);

}  // namespace expandft
