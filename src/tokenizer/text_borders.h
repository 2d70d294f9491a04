#pragma once

#include "tokenizer/pipeline/added_tokens.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Places in texts where a tokenizer's ids fall into two parts, those before and those behind, of
/// which neither depends on the other's text. Two kinds are known:
/// - before an added token, where no other one can reach across its first character;
/// - before a space between two ASCII letters, for tokenizers that say so: no token has such a
///   letter and then a space, and the rest of encoding does not look past a word there.
class TextBorders {
 public:
  /// Which of the two count.
  struct Kinds {
    bool before_tokens = false, before_words = false;
  };
  /// `tokens`: all of the vocabulary that may have a letter and a space ("▁", "Ġ") in it; `added`
  /// those found in the text as it stands, `later` those found in what is between them. The added
  /// tokens must outlive the object.
  TextBorders(const std::vector<std::string>& tokens, const std::vector<const AddedToken*>& added,
              const std::vector<const AddedToken*>& later, Kinds kinds);

  /// The last border behind `from` that is one whatever follows the text; `from` without one.
  std::size_t last_in(std::string_view text, std::size_t from = 0) const;

 private:
  void find_letters(const std::vector<std::string>& tokens);
  void leave_out_letters_of(const AddedToken& token);
  void find_beginnings(const std::vector<const AddedToken*>& added);

  AddedTokenFinder added_;
  std::array<bool, 256> begins_token_{};  // by an added token's first byte: there is a border
  std::array<bool, 256> ends_word_{};     // by the letter before the space
};

}  // namespace expandft
