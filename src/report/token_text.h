#pragma once

#include "tokenizer/example.h"
#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// A token for people to read, or the tokens that together form characters.
struct TokenText {
  std::vector<TokenId> ids;
  std::vector<std::string> pieces;  // of each id, as the vocabulary has it
  std::string text;                 // whole characters; U+FFFD for what is none
  bool is_learned = false;
  bool is_special = false;
};

/// An example's tokens, in order.
std::vector<TokenText> token_texts(const Example& example, const Tokenizer& tokenizer);

/// "id 13 'the'", "ids 230 151 'æ' '—'"
std::string token_title(const TokenText& token);

/// How learned tokens stand out: in colours, or between ⟦ and ⟧.
enum class Highlight { kColors, kBrackets };

/// The tokens as a text for a terminal, which ends with a line end. Control characters are escaped.
/// In colours, where nothing else would show them, learned line ends and tabs have signs of their
/// own.
std::string highlighted_text(const std::vector<TokenText>& tokens, Highlight highlight);
/// The same with a cell for each token, its id beside it, and signs for white space, in lines of
/// about so many columns. A line of the text begins on a line of its own.
std::string token_cells(const std::vector<TokenText>& tokens, Highlight highlight,
                        std::size_t columns);
/// Explains the signs, on one line.
std::string highlight_legend(Highlight highlight);

}  // namespace expandft
