#pragma once

#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// Where the first stop text in `text` begins; npos if there is none. Empty stop texts are ignored.
std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops);

/// Reports, token by token, whether a generated text contains a stop text. The result is that of
/// decoding and searching the whole text after each token, without that cost.
class StopFinder {
 public:
  /// Both must outlive the object.
  StopFinder(const Tokenizer& tokenizer, const std::vector<std::string>& stops);

  /// Whether the text up to this token contains a stop text. Special tokens have no text.
  bool push(TokenId id);

 private:
  const Tokenizer* tokenizer_;
  const std::vector<std::string>* stops_;
  std::size_t longest_ = 0;  // bytes of a stop text
  // The text is settled up to the last token that stands alone: later tokens do not change it, and
  // decoding them needs only the rules for the start of a text, for which `begin_` (`begin_text_`
  // bytes of text) takes the place of the settled tokens. The end of the settled text may be the
  // start of a stop text.
  std::vector<TokenId> begin_, pending_;
  std::size_t begin_text_ = 0;
  std::string settled_end_;
};

}  // namespace expandft
