#pragma once

#include "tokenizer/tokenizer.h"

#include <string>

namespace expandft {

/// Turns ids into text one by one, for printing while a model writes. What it returns is always
/// whole UTF-8 characters; put together it equals Tokenizer::decode, except that where bytes that
/// never become a character give one U+FFFD each, they do so even next to bytes that do.
class StreamDecoder {
 public:
  /// `continuation`: the text goes on from a prompt, so its first space is kept.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool continuation = false,
                         bool skip_special = true)
      : tokenizer_(tokenizer),
        skip_special_(skip_special),
        strip_(tokenizer.strips_first_space() && !continuation) {}

  /// The characters that the id completes; "" while one is still unfinished.
  std::string push(TokenId id);
  /// What is left at the end: U+FFFD for an unfinished character.
  std::string finish();

 private:
  std::string whole_characters(bool at_end);

  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool strip_;           // a space at the very start is still to be dropped
  std::string pending_;  // bytes not returned yet
};

}  // namespace expandft
