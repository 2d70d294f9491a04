#pragma once

#include "tokenizer/pipeline/token.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The tokens of a model and their ids. A hash table with open addressing, which takes a tenth of
/// the time of std::unordered_map to fill, and finds a token with two reads of memory.
class BpeVocabulary {
 public:
  /// Room for `count` tokens with ids below `ids`.
  explicit BpeVocabulary(std::size_t count = 0, std::size_t ids = 0);

  /// The ids must be below `ids`, and no token may have them yet. False, and nothing changes, if
  /// the token has an id already.
  bool add(std::string_view token, TokenId id);
  std::optional<TokenId> find(std::string_view token) const;

  /// The ids of many tokens; -1 for those that are not there. Faster than to look for them one by
  /// one, since the memory of several is fetched at once.
  void find_all(std::span<const std::string_view> tokens, std::span<TokenId> ids) const;

  /// By id; "" if no token has the id.
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::size_t count() const { return count_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;  // the lower half: the upper one decides the slot
    TokenId id = -1;
  };
  std::size_t slot_of(std::string_view token, std::uint64_t hash) const;

  std::vector<std::string> tokens_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  unsigned shift_ = 0;
  std::size_t count_ = 0;
};

}  // namespace expandft
