#pragma once

#include "tokenizer/tokenizer.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace expandft {

/// Finds where a long text can be cut so that its parts, encoded one after the other, have the ids
/// of the whole.
///
/// Candidates are the place before a line that does not start with white space, and before a space
/// between ASCII letters. A candidate is a good place when
/// - no token of the vocabulary contains the characters on both sides of the cut (a newline and
/// then
///   something other than white space; that letter and a space), so that no merge and no added
///   token crosses it, however long the word that a pre-tokenizer leaves there;
/// - the text around it, 4096 bytes on either side, has the same ids in one part and in two. This
///   assumes that the rest of encoding (normalizer, patterns of the pre-tokenizer, stripping of
///   white space) looks no further.
class TextCutter {
 public:
  /// Searches the vocabulary. The tokenizer must outlive the object.
  explicit TextCutter(const Tokenizer& tokenizer);
  /// The last good place in `text`, which is well-formed and continues after its end; 0 if there is
  /// none. Encode the rest with EncodeOptions::continuation.
  std::size_t last_cut(std::string_view text) const;

 private:
  bool is_candidate(std::string_view text, std::size_t at) const;
  bool holds(std::string_view text, std::size_t at) const;

  const Tokenizer& tokenizer_;
  // Whether the vocabulary allows cuts:
  bool after_newline_ = true;
  std::array<bool, 26> before_space_;  // by the letter before it, capital or not
};

}  // namespace expandft
