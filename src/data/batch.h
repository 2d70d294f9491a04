#pragma once

#include "tokenizer/example.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// A target without loss.
inline constexpr TokenId kNoTarget = -100;

/// Sequences laid end to end without padding, for variable-length attention. Sequence i is tokens
/// [offsets[i], offsets[i+1]); it does not attend to other sequences.
struct TokenBatch {
  std::vector<TokenId> ids;                 // (N)
  std::vector<TokenId> targets;             // (N): the id to predict at each position, or kNoTarget
  std::vector<std::int64_t> positions;      // (N): from 0 in each sequence
  std::vector<std::int64_t> offsets = {0};  // (sequences + 1)

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t sequences() const {
    return offsets.empty() ? 0 : static_cast<std::int64_t>(offsets.size()) - 1;
  }
  std::int64_t target_count() const;
  /// Appends a sequence; an empty one adds nothing. A failure when marks and tokens differ in
  /// number.
  void append(const Example& example);
};

}  // namespace expandft
