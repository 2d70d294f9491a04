#pragma once

#include "tokenizer/pipeline/added_tokens.h"
#include "tokenizer/pipeline/tokenizer_json.h"
#include "tokenizer/text_borders.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace expandft {

/// Reads tokenizer.json, model type BPE: byte-level (Llama 3, Qwen) or with byte fallback (Phi-3,
/// and Llama 2, Mistral and Gemma where they come without tokenizer.model). The ids are those of
/// AutoTokenizer of transformers 5.24 for the same directory, and of tokenizers 0.23 for the file
/// alone. They differ from each other for classes that have rules of their own: tokenizer_class.h.
/// - Added tokens are those of tokenizer.json, then those that only the files beside it name, which
///   get the ids after the vocabulary. Flags follow added_tokens_decoder where there is one.
/// - BOS and EOS are put as post_processor says; add_bos_token and add_eos_token are not looked at,
///   as in transformers 5.
/// - Which tokens are BOS and EOS: those that post_processor puts, else those of
///   tokenizer_config.json or special_tokens_map.json.
class JsonTokenizer final : public Tokenizer {
 public:
  /// What it is made of: tokenizer.json with its name, and the files beside it.
  struct Files {
    Json json;
    std::string where;
    TokenizerConfig config;
  };
  /// Those of a directory, with notices of what contradicts them there.
  static Files read_files(const fs::path& directory);

  explicit JsonTokenizer(Files files);
  /// `file` is the content of tokenizer.json, `where` its name.
  JsonTokenizer(std::string_view file, const std::string& where, const TokenizerConfig& config);

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
  bool adds_bos() const override { return file_.ends.before.has_value(); }
  bool adds_eos() const override { return file_.ends.after.has_value(); }
  bool splits_special_tokens() const override { return splits_special_; }
  bool is_special(TokenId id) const override { return known(id) && special_[index(id)]; }
  std::string token_bytes(TokenId id) const override;
  bool stands_alone(TokenId id) const override;
  bool strips_first_space() const override { return file_.decoder.strips_first_space(); }
  bool strips_first_token() const override { return file_.decoder.strips_first_token(); }
  Replacing replacing() const override {
    return file_.decoder.is_byte_level() ? Replacing::kEachSubpart : Replacing::kEachByte;
  }

 private:
  static std::size_t index(TokenId id) { return static_cast<std::size_t>(id); }
  bool known(TokenId id) const { return id >= 0 && id < size() && !tokens_[index(id)].empty(); }
  const std::string& decoded_form(TokenId id) const;
  std::optional<TokenId> find(const std::string& token) const;
  void add_token(const AddedToken& token, const std::string& where);
  void add_configured_tokens(const TokenizerConfig& config, const std::string& where);
  void strip_flags(const std::string& token);
  void index_added_tokens();
  bool has_borders_before_words() const;
  std::optional<TokenId> checked_end(std::optional<TokenId> end, const NamedToken& name,
                                     const std::string& where) const;
  void append_stretch(std::string_view text, bool first, const EncodeOptions& options,
                      WordCache& cache, std::vector<TokenId>& ids) const;

  static TokenizerJson read_parts(Files& files);

  TokenizerJson file_;
  std::vector<std::string> tokens_;  // by id; "" where no token has the id
  TokenId next_id_;                  // for an added token that is new
  std::vector<AddedToken> added_;
  std::unordered_map<std::string, std::size_t> added_index_;  // by content, into added_
  std::vector<bool> special_;                                 // by id
  std::vector<AddedToken> normalized_;  // those found in normalized text, content normalized too
  std::unordered_map<TokenId, std::string> normalized_form_;  // where that differs
  std::optional<AddedTokenFinder> finder_, normalized_finder_;
  std::optional<TokenId> bos_, eos_;
  bool splits_special_ = false;
  std::optional<TextBorders> borders_;
  mutable WordCaches caches_;
};

}  // namespace expandft
