#pragma once

#include "tokenizer/pipeline/token.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace expandft {

/// The merges of a byte-pair encoding, by the pair of tokens that they join. A hash table with open
/// addressing, since it is searched for every pair of neighbours in every word.
class BpeMerges {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  struct Merge {
    std::uint32_t rank = kNone;  // the lowest is applied first
    TokenId joined = -1;
  };

  /// Allocates space for `count` merges.
  explicit BpeMerges(std::size_t count = 0);
  /// An existing pair gets the new rank.
  void set(TokenId left, TokenId right, Merge merge);
  /// Lets the processor fetch what `set` will need.
  void prefetch(TokenId left, TokenId right) const;
  /// The rank is kNone if the pair does not merge.
  Merge find(TokenId left, TokenId right) const;

  /// Joins neighbours in `ids` until no pair merges: the lowest rank first, then the leftmost.
  /// O(n log n) in the number of ids.
  void apply(std::vector<TokenId>& ids) const;

 private:
  struct Slot {
    std::uint64_t pair = kEmpty;
    Merge merge;
  };
  static constexpr std::uint64_t kEmpty = std::numeric_limits<std::uint64_t>::max();

  std::size_t slot_of(std::uint64_t pair) const;
  void apply_to_short(std::vector<TokenId>& ids) const;
  void apply_to_long(std::vector<TokenId>& ids) const;

  std::vector<Slot> slots_;  // a power of two, at most half full
  unsigned shift_ = 0;
};

}  // namespace expandft
