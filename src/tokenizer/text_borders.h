#pragma once

#include "tokenizer/pipeline/added_tokens.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Places in texts that divide a tokenizer's ids: those before do not depend on the text after, nor
/// those after on the text before. Two kinds are known:
/// - before an added token, unless another one can contain its first character;
/// - before a space between two ASCII letters, if no token has this letter followed by a space, and
///   if the caller says that the rest of encoding does not look beyond the word there.
class TextBorders {
 public:
  /// Which of the two kinds to use.
  struct Kinds {
    bool before_tokens = false, before_words = false;
  };
  /// `tokens`: all of the vocabulary that may have a letter and a space ("▁", "Ġ"). `added`: those
  /// found in the original text; `later`: those found in the text between them. The added tokens
  /// must outlive the object.
  TextBorders(const std::vector<std::string>& tokens, const std::vector<const AddedToken*>& added,
              const std::vector<const AddedToken*>& later, Kinds kinds);

  /// The last border after `from` that is one whatever follows the text; `from` if there is none.
  std::size_t last_in(std::string_view text, std::size_t from = 0) const;

 private:
  void find_letters(const std::vector<std::string>& tokens);
  void leave_out_letters_of(const AddedToken& token);
  void find_beginnings(const std::vector<const AddedToken*>& added);

  AddedTokenFinder added_;
  std::array<bool, 256>
      begins_token_{};  // by an added token's first byte: there is a border before it
  std::array<bool, 256> ends_word_{};  // by the letter before the space
};

}  // namespace expandft
