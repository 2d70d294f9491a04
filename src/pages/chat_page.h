#pragma once

#include "pages/html.h"
#include "report/token_text.h"

#include <string>
#include <vector>

namespace expandft {

/// A sequence of a data file's row, or a row that training refuses.
struct ShownSequence {
  std::string heading;  // "row 1 (line 1): 57 tokens, 12 learned"
  std::vector<TokenText> tokens = {};
  std::string error = {};  // what is wrong with the row, which then has no tokens
};

/// A page (html_page) of rows as the model reads them: each token with its id, and the learned ones
/// highlighted. `facts`: where the rows are from.
std::string chat_page(const Facts& facts, const std::vector<ShownSequence>& sequences);

}  // namespace expandft
