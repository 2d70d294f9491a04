#pragma once

#include "tokenizer/pipeline/bpe_merges.h"
#include "tokenizer/pipeline/bpe_tables.h"
#include "tokenizer/pipeline/bpe_vocabulary.h"
#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/token.h"
#include "tokenizer/pipeline/word_cache.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The "model" of a tokenizer.json of type BPE: vocabulary and merges (Sennrich et al. 2016), with
/// the options of the tokenizers package.
class BpeModel {
 public:
  /// `tables`: the vocabulary and merges, if `node` does not have them.
  static BpeModel read(const JsonNode& node, const std::optional<BpeTables>& tables);

  BpeModel(BpeModel&&) noexcept = default;
  BpeModel& operator=(BpeModel&&) noexcept = default;

  /// By id; "" if no token has the id.
  const std::vector<std::string>& tokens() const { return vocabulary_.tokens(); }
  std::size_t count() const { return vocabulary_.count(); }
  std::optional<TokenId> find(std::string_view token) const { return vocabulary_.find(token); }
  /// Whether a word that is a token is not merged from its parts.
  bool ignores_merges() const { return ignore_merges_; }
  /// Appends the ids of one word of well-formed UTF-8. The cache must be of this model only.
  void append(std::string_view word, WordCache& cache, std::vector<TokenId>& ids) const;

 private:
  static constexpr TokenId kNoToken = -1;

  BpeModel() = default;
  void read_vocabulary(const JsonNode& node, const std::optional<BpeTables>& tables);
  void read_merges(const JsonNode& node, const std::optional<BpeTables>& tables);
  template <typename Place>
  void add_merges(std::span<const BpeTables::Merge> merges, const Place& place);
  void note_inner_marks(std::string_view token);
  bool can_cut(std::string_view word, std::size_t at) const;
  void index_characters();
  void append_part(std::string_view part, WordCache& cache, std::vector<TokenId>& ids) const;
  TokenId character_id(std::string_view character) const;
  void symbols_of(std::string_view word, std::vector<TokenId>& symbols) const;

  BpeVocabulary vocabulary_;
  BpeMerges merges_;
  std::uint32_t merge_count_ = 0;
  std::array<TokenId, 256> byte_ids_{};         // "<0x41>", kNoToken if missing
  std::array<TokenId, 0x800> character_ids_{};  // of characters of one or two bytes of UTF-8
  std::optional<std::string> unknown_;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
  bool cuts_before_mark_ = false;
  std::array<bool, 256> joins_mark_{};  // by the last byte of what a merge can join with a "▁"
  std::string where_;
};

}  // namespace expandft
