#pragma once

#include "tokenizer/pipeline/token.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace expandft {

/// A token that is split off before the vocabulary is applied.
struct AddedToken {
  std::string content;
  TokenId id = -1;
  bool special = false;      // left out when decoding with skip_special
  bool normalized = false;   // looked for after those that are not
  bool lstrip = false;       // swallows the white space before it
  bool rstrip = false;       // and after it
  bool single_word = false;  // found only where no letter, digit or mark stands beside it
};

/// A stretch of text: plain (token is null), or the added token found there.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  const AddedToken* token = nullptr;
};

/// Finds added tokens in text: leftmost first, the longest where several start. What is found but
/// left alone (special tokens on request, single_word inside a word) hides tokens that overlap it,
/// and white space that rstrip swallowed is still looked through, as in the tokenizers package.
class AddedTokenFinder {
 public:
  /// Keeps pointers into `tokens`.
  explicit AddedTokenFinder(const std::vector<const AddedToken*>& tokens);
  /// Covers [begin, end) of `text` with spans, in order, and appends them. Special tokens stay
  /// plain text unless `special`.
  void split(std::string_view text, std::size_t begin, std::size_t end, bool special,
             std::vector<TextSpan>& spans) const;
  bool empty() const { return tokens_.empty(); }
  /// The longest token that the text, which is not empty, begins with; null when there is none.
  const AddedToken* match(std::string_view text) const;

 private:
  std::unordered_map<std::string_view, const AddedToken*> tokens_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte, longest first
};

}  // namespace expandft
