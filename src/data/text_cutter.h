#pragma once

#include "tokenizer/tokenizer.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace expandft {

/// Finds where a long text may be cut so that its parts, encoded one after the other, have the ids
/// of the whole.
///
/// A place is taken before a line's first character that is no white space, or before a space
/// between ASCII letters. It holds when
/// - no token of the vocabulary contains what stands beside the cut (a newline and then something
///   else than white space; that letter and a space), so that no merge and no added token goes
///   across it, however long the word that a pre-tokenizer leaves there;
/// - the text around it, 4096 bytes on either side, has the same ids in one part and in two: the
///   rest of encoding (normalizer, patterns of the pre-tokenizer, stripping of white space) looks
///   only so far.
class TextCutter {
 public:
  /// Looks through the vocabulary. The tokenizer must outlive the object.
  explicit TextCutter(const Tokenizer& tokenizer);
  /// The last good place in `text`, which is well-formed and goes on behind its end; 0 if there is
  /// none. The rest is to be encoded with EncodeOptions::continuation.
  std::size_t last_cut(std::string_view text) const;

 private:
  bool is_candidate(std::string_view text, std::size_t at) const;
  bool holds(std::string_view text, std::size_t at) const;

  const Tokenizer& tokenizer_;
  // What the vocabulary allows.
  bool after_newline_ = true;
  std::array<bool, 26> before_space_;  // by the letter before it, capital or not
};

}  // namespace expandft
