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
  bool special = false;      // skipped when decoding with skip_special
  bool normalized = false;   // found after the others, in normalized text
  bool lstrip = false;       // includes the white space before it
  bool rstrip = false;       // and after it
  bool single_word = false;  // found only without a letter, digit or mark beside it
};

/// A range of text: plain (token is null), or an added token.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  const AddedToken* token = nullptr;
};

/// Finds added tokens in text: the leftmost first, and the longest if several start there. As in
/// the tokenizers package, matches that are not used (special tokens on request, single_word inside
/// a word) still hide tokens that overlap them, and white space of rstrip is searched again.
class AddedTokenFinder {
 public:
  /// Keeps pointers into `tokens`.
  explicit AddedTokenFinder(const std::vector<const AddedToken*>& tokens);
  /// Covers [begin, end) of `text` with spans, in order, and appends them. Special tokens stay
  /// plain text unless `special`.
  void split(std::string_view text, std::size_t begin, std::size_t end, bool special,
             std::vector<TextSpan>& spans) const;
  bool empty() const { return tokens_.empty(); }
  /// The longest token at the start of non-empty text; null if there is none.
  const AddedToken* match(std::string_view text) const;

 private:
  std::unordered_map<std::string_view, const AddedToken*> tokens_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte, longest first
};

}  // namespace expandft
