#pragma once

#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

/// Where the earliest of the stop texts begins; npos when none is there. An empty one is none.
std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops);

/// Tells, token by token, whether a text that is being written holds one of the stop texts: as
/// decoding all of it after each token and looking through it would, without doing so.
class StopFinder {
 public:
  /// Both must outlive it.
  StopFinder(const Tokenizer& tokenizer, const std::vector<std::string>& stops);

  /// Whether the text with this token at its end holds a stop text. Special tokens have no text.
  bool push(TokenId id);

 private:
  const Tokenizer* tokenizer_;
  const std::vector<std::string>* stops_;
  std::size_t longest_ = 0;  // bytes of a stop text
  // What is written is settled up to a token behind which decoding does not depend on what came
  // before it, but for the rules of a text's beginning: `begin_`, whose text is `begin_text_` bytes
  // long, stands for that. The settled text's end may be the beginning of a stop.
  std::vector<TokenId> begin_, pending_;
  std::size_t begin_text_ = 0;
  std::string settled_end_;
};

}  // namespace expandft
