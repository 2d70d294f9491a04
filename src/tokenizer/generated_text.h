#pragma once

#include "tokenizer/tokenizer.h"

#include <cstddef>
#include <string>
#include <vector>

namespace expandft {

// The text of a model's tokens while it writes them, one by one.

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

/// Where the first stop text in `text` begins; npos if there is none. Empty stop texts are ignored.
std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops);

/// A StreamDecoder of a text that ends before the first of some stop texts.
class StoppedStream {
 public:
  /// Both must outlive the object. `continuation`: as in StreamDecoder.
  StoppedStream(const Tokenizer& tokenizer, bool continuation,
                const std::vector<std::string>& stops)
      : stream_(tokenizer, continuation), stops_(&stops) {}

  /// The characters that the id settles: no stop text can begin in them.
  std::string push(TokenId id);
  /// Whether the text has ended.
  bool stopped() const { return stopped_; }
  /// The rest, when the text ends for another reason.
  std::string finish();

 private:
  std::string settled(bool at_end);

  StreamDecoder stream_;
  const std::vector<std::string>* stops_;
  std::string held_;  // which may be the start of a stop text
  bool stopped_ = false;
};

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
