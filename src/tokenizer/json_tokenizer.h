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
/// and Llama 2, Mistral and Gemma without tokenizer.model). The rules are those of AutoTokenizer of
/// transformers 5.24 for the directory, which differ from those of tokenizers 0.23 for the file
/// alone if the tokenizer's class has its own (tokenizer_class.h). Golden tests
/// (tests/golden/tokenizers) with small tokenizers built like the published ones compare ids and
/// texts with tokenizers, and ids for each field of tokenizer_config.json with AutoTokenizer.
/// - Added tokens are those of tokenizer.json, then those that only the files beside it name, which
///   get the ids after the vocabulary. Flags are those of added_tokens_decoder, if it exists.
/// - post_processor decides where BOS and EOS are added. As in transformers 5, add_bos_token and
///   add_eos_token have no effect.
/// - BOS and EOS are the tokens that post_processor adds, or else those of tokenizer_config.json or
///   special_tokens_map.json.
class JsonTokenizer final : public Tokenizer {
 public:
  /// tokenizer.json with its name, and the content of the files beside it.
  struct Files {
    TokenizerContent content;
    std::string where;
    TokenizerConfig config;
  };
  /// Reads a directory's files, with notices of files that contradict them.
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
  std::vector<std::string> tokens_;  // by id; "" if no token has the id
  TokenId next_id_;                  // for a new added token
  std::vector<AddedToken> added_;
  std::unordered_map<std::string, std::size_t> added_index_;  // by content, into added_
  std::vector<bool> special_;                                 // by id
  std::vector<AddedToken> normalized_;  // those found in normalized text, with normalized content
  std::unordered_map<TokenId, std::string> normalized_form_;  // if it differs
  std::optional<AddedTokenFinder> finder_, normalized_finder_;
  std::optional<TokenId> bos_, eos_;
  bool splits_special_ = false;
  std::optional<TextBorders> borders_;
  mutable WordCaches caches_;
};

}  // namespace expandft
