#pragma once

#include "tokenizer/tokenizer.h"

#include <string>

namespace expandft {

/// Turns ids into text one by one, for printing while a model writes. The results are whole UTF-8
/// characters. Joined they equal Tokenizer::decode, with one exception: a tokenizer that replaces a
/// whole run of byte tokens when a part of it is malformed gets only that part replaced here.
class StreamDecoder {
 public:
  /// `continuation`: the text continues a prompt, so its first space is kept.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool continuation = false,
                         bool skip_special = true)
      : tokenizer_(tokenizer),
        skip_special_(skip_special),
        strip_(tokenizer.strips_first_space() && !continuation) {}

  /// The characters that the id completes; "" while a character is incomplete.
  std::string push(TokenId id);
  /// The rest at the end: U+FFFD for an incomplete character.
  std::string finish();

 private:
  std::string whole_characters(bool at_end);

  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool strip_;           // a space at the very start must still be dropped
  std::string pending_;  // bytes not returned yet
};

}  // namespace expandft
