#pragma once

#include "base/files.h"
#include "base/notice.h"
#include "base/utf8.h"
#include "tokenizer/pipeline/token.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// What surrounds the ids of a text.
struct EncodeOptions {
  bool bos = false;            // prepend BOS (when the tokenizer has one)
  bool eos = false;            // append EOS
  bool special_tokens = true;  // recognise special and added tokens in the text
  bool continuation = false;   // the text continues another one: no dummy prefix
};

/// A model's tokenizer: text to ids and back. sentencepiece_tokenizer.h and json_tokenizer.h say
/// which reference the ids are compared with, and where they differ.
class Tokenizer {
 public:
  /// Reads the tokenizer files of a model directory: tokenizer.json, which transformers prefers
  /// too, or else (and when tokenizer.json has a Unigram model) a SentencePiece tokenizer.model.
  /// Input errors name what is missing or damaged.
  static std::unique_ptr<const Tokenizer> load(const fs::path& directory);
  virtual ~Tokenizer() = default;

  /// Fields of its files that nothing reads, or that may not do what they seem to.
  const Notices& notices() const { return notices_; }

  virtual std::vector<TokenId> encode(std::string_view text,
                                      const EncodeOptions& options) const = 0;
  std::vector<TokenId> encode(std::string_view text) const { return encode(text, {}); }
  /// The last place after `from` where the text, and any longer text that begins with it, can be
  /// cut in two: the ids of the first part, and those of the second encoded as a continuation, are
  /// those of the whole, unless special tokens are not recognised. `from` if no such place is
  /// known.
  virtual std::size_t last_border(std::string_view text, std::size_t from = 0) const = 0;
  /// The text of the ids, without special tokens when `skip_special`.
  virtual std::string decode(const std::vector<TokenId>& ids, bool skip_special = true) const = 0;
  /// The token in the vocabulary ("▁the"). Ids beyond the vocabulary give "<id>".
  virtual std::string token(TokenId id) const = 0;

  virtual std::int64_t size() const = 0;  // 1 + the largest id, added tokens included
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  /// Whether the tokenizer's own config prepends BOS by default.
  virtual bool adds_bos() const = 0;
  /// Whether it appends EOS by default.
  virtual bool adds_eos() const { return false; }

  /// Whether special tokens are never recognised in a text ("split_special_tokens"), not even those
  /// of chat templates.
  virtual bool splits_special_tokens() const { return false; }
  /// Whether decoding with `skip_special` leaves the id out.
  virtual bool is_special(TokenId /*id*/) const { return false; }
  /// The bytes that the id adds to a text: " the" for "▁the", and for "<0xE2>" one byte that may be
  /// part of a character. Ids beyond the vocabulary add nothing.
  virtual std::string token_bytes(TokenId id) const { return token(id); }
  /// Whether the id's text and the text of its neighbours do not depend on each other, except for
  /// what decoding drops at the very start: true unless the id is a byte or part of a character.
  virtual bool stands_alone(TokenId id) const = 0;
  /// Whether decoding drops one space at the very start: the dummy prefix of encoding.
  virtual bool strips_first_space() const { return false; }
  /// Whether decoding drops every space of the first token instead.
  virtual bool strips_first_token() const { return false; }
  /// How decoding replaces malformed UTF-8.
  virtual Replacing replacing() const { return Replacing::kEachByte; }

 protected:
  void add_notices(const Notices& notices) {
    notices_.insert(notices_.end(), notices.begin(), notices.end());
  }

 private:
  Notices notices_;
};

/// Input error when the tokenizer has ids that the model's vocabulary lacks, since the embedding
/// has no rows for them. `where` names the model.
void check_vocabulary(const Tokenizer& tokenizer, std::int64_t vocab_size,
                      const std::string& where);

}  // namespace expandft
