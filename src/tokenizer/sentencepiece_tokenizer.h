#pragma once

#include "tokenizer/pipeline/added_tokens.h"
#include "tokenizer/pipeline/word_cache.h"
#include "tokenizer/sentencepiece_model.h"
#include "tokenizer/text_borders.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace expandft {

/// Where the dummy prefix "▁" is added. Never before a text that starts with a space or "▁".
enum class PrefixRule {
  kNever,   // Gemma
  kFirst,   // before the text, unless it begins with an added token
  kAlways,  // before every stretch of text between added tokens ("legacy": true)
};

/// Reads tokenizer.model. The rules are those of LlamaTokenizer and GemmaTokenizer of transformers
/// 5.24; the golden tests compare ids and texts with them for Mistral's v1 and v3 models and a
/// small one like Gemma's (tests/golden/tokenizers).
/// - Added tokens are split off first: control and user-defined pieces of the model, and the tokens
///   that tokenizer_config.json, special_tokens_map.json and added_tokens.json name. Those without
///   an id get the ids after the vocabulary, in order.
/// - "legacy" is false unless the file says true. (Up to version 4 it was true, and " a" became
///   "▁▁a"; since 5 " a" is "▁a" under both settings.)
/// Two deliberate differences, both for directories whose tokenizer_config.json is missing or does
/// not say: AutoTokenizer 5.24 then chooses a generic class that adds no BOS, and adds the dummy
/// prefix after every added token too. Here such a directory gets BOS, and the prefix before the
/// text if tokenizer.model has it, as Llama's and Gemma's tokenizers are documented and as their
/// models were trained.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(const fs::path& directory);
  ~SentencePieceTokenizer() override;

  using Tokenizer::encode;
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::size_t last_border(std::string_view text, std::size_t from) const override {
    return borders_->last_in(text, from);
  }
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override;
  std::string token(TokenId id) const override;

  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  std::optional<TokenId> bos() const override { return bos_; }
  std::optional<TokenId> eos() const override { return eos_; }
  bool adds_bos() const override { return adds_bos_; }
  bool adds_eos() const override { return adds_eos_; }
  bool splits_special_tokens() const override { return splits_special_; }
  bool is_special(TokenId id) const override { return known(id) && special_[index(id)]; }
  std::string token_bytes(TokenId id) const override;
  bool stands_alone(TokenId id) const override;
  bool strips_first_space() const override { return prefix_ != PrefixRule::kNever; }

 private:
  static std::size_t index(TokenId id) { return static_cast<std::size_t>(id); }
  bool known(TokenId id) const { return id >= 0 && id < size() && !tokens_[index(id)].empty(); }
  void load_added_tokens(const SentencePieceModel& model, const TokenizerConfig& config,
                         const std::string& where);
  std::optional<TokenId> named(const NamedToken& name, std::int64_t fallback) const;
  void append_plain(std::string_view text, bool prefix, WordCache& cache,
                    std::vector<TokenId>& ids) const;
  void append_part(std::string_view part, WordCache& cache, std::vector<TokenId>& ids) const;
  void append_pieces(std::string_view text, std::vector<TokenId>& ids) const;

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::vector<std::string> tokens_;  // by id; "" if no token has the id
  std::vector<bool> special_;        // by id
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<AddedToken> added_;
  std::vector<AddedTokenFinder> finders_;  // by whether the tokens are `normalized`
  std::optional<TokenId> bos_, eos_;
  bool adds_bos_ = true, adds_eos_ = false, splits_special_ = false;
  PrefixRule prefix_ = PrefixRule::kNever;
  bool splits_before_words_ = false;
  bool splits_after_newlines_ = false;  // no token continues after a run of newlines
  std::optional<TextBorders> borders_;
  mutable WordCaches caches_;
};

}  // namespace expandft
