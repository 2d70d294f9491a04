#pragma once

#include "tokenizer/pipeline/bpe_merges.h"
#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/token.h"
#include "tokenizer/pipeline/word_cache.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace expandft {

/// The "model" of a tokenizer.json of type BPE: vocabulary and merges (Sennrich et al. 2016), with
/// the options of the tokenizers package.
class BpeModel {
 public:
  static BpeModel read(const JsonNode& node);

  BpeModel(BpeModel&&) noexcept = default;
  BpeModel& operator=(BpeModel&&) noexcept = default;

  /// By id; "" if no token has the id.
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::size_t count() const { return ids_.size(); }
  std::optional<TokenId> find(std::string_view token) const;
  /// Whether a word that is a token is not merged from its parts.
  bool ignores_merges() const { return ignore_merges_; }
  /// Appends the ids of one word of well-formed UTF-8. The cache must be of this model only.
  void append(std::string_view word, WordCache& cache, std::vector<TokenId>& ids) const;

 private:
  static constexpr TokenId kNoToken = -1;

  BpeModel() = default;
  void read_vocabulary(const JsonNode& node);
  void read_merges(const JsonNode& node);
  void index_characters();
  void append_part(std::string_view part, WordCache& cache, std::vector<TokenId>& ids) const;
  TokenId character_id(std::string_view character) const;
  void symbols_of(std::string_view word, std::vector<TokenId>& symbols) const;

  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, TokenId> ids_;  // views of tokens_
  BpeMerges merges_;
  std::array<TokenId, 256> byte_ids_{};         // "<0x41>", kNoToken if missing
  std::array<TokenId, 0x800> character_ids_{};  // of characters of one or two bytes of UTF-8
  std::optional<std::string> unknown_;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
  bool cuts_before_mark_ = false;
  std::string where_;
};

}  // namespace expandft
