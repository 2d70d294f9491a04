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
  bool special_tokens = true;  // recognise special and added tokens inside the text
  bool continuation = false;   // the text goes on from another one: no dummy prefix before it
};

/// A model's tokenizer: text to ids and back, equal to the transformers package's tokenizers
/// (sentencepiece_tokenizer.h and json_tokenizer.h say which version and rules).
class Tokenizer {
 public:
  /// Reads the tokenizer files of a model directory: tokenizer.json, as transformers prefers it,
  /// else a SentencePiece tokenizer.model; that one also where tokenizer.json holds a Unigram
  /// model. Input errors name what is missing or damaged.
  static std::unique_ptr<const Tokenizer> load(const fs::path& directory);
  virtual ~Tokenizer() = default;

  /// What its files say that nothing reads, or that may not do what it seems to.
  const Notices& notices() const { return notices_; }

  virtual std::vector<TokenId> encode(std::string_view text,
                                      const EncodeOptions& options) const = 0;
  std::vector<TokenId> encode(std::string_view text) const { return encode(text, {}); }
  /// The last place behind `from` where the text, and any other one that begins with it, may be cut
  /// in two: the ids of the first part and those of the second, encoded as a continuation, are
  /// those of the whole, unless the options leave special tokens unrecognised. `from` when no such
  /// place is known.
  virtual std::size_t last_border(std::string_view text, std::size_t from = 0) const = 0;
  /// Text of the ids. Special tokens are left out when `skip_special`.
  virtual std::string decode(const std::vector<TokenId>& ids, bool skip_special = true) const = 0;
  /// The token as it stands in the vocabulary ("▁the"). Ids past the vocabulary give "<id>".
  virtual std::string token(TokenId id) const = 0;

  virtual std::int64_t size() const = 0;  // 1 + the largest id, added tokens included
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  /// Whether the tokenizer's own config puts BOS first by default.
  virtual bool adds_bos() const = 0;
  /// Whether it also puts EOS last.
  virtual bool adds_eos() const { return false; }

  /// Whether special tokens are never found inside a text ("split_special_tokens"): templates of
  /// chats lose theirs.
  virtual bool splits_special_tokens() const { return false; }
  /// Whether decoding with `skip_special` leaves the id out.
  virtual bool is_special(TokenId /*id*/) const { return false; }
  /// The bytes that the id adds to a text ("▁the" gives " the", "<0xE2>" one byte that may be part
  /// of a character). Ids past the vocabulary add nothing.
  virtual std::string token_bytes(TokenId id) const { return token(id); }
  /// Whether decoding writes the same for the id whatever stands beside it, and the same for what
  /// stands beside it whatever the id, but for what decoding drops at the very start of a text: it
  /// is neither a piece of a character nor a byte.
  virtual bool stands_alone(TokenId id) const = 0;
  /// Whether decoding drops one space at the very start: the dummy prefix that encoding put there.
  virtual bool strips_first_space() const { return false; }
  /// Whether decoding drops every space of the first token in place of that one.
  virtual bool strips_first_token() const { return false; }
  /// How decoding shows bytes that do not make a character.
  virtual Replacing replacing() const { return Replacing::kEachByte; }

 protected:
  void add_notices(const Notices& notices) {
    notices_.insert(notices_.end(), notices.begin(), notices.end());
  }

 private:
  Notices notices_;
};

/// Input error when the tokenizer has ids that the model's vocabulary lacks: the embedding would be
/// read past its end. `where` names the model.
void check_vocabulary(const Tokenizer& tokenizer, std::int64_t vocab_size,
                      const std::string& where);

}  // namespace expandft
