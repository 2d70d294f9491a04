#pragma once

#include "text/tokenizer.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// A target that carries no loss.
inline constexpr TokenId kNoTarget = -100;

/// One sequence: its tokens and, for each of them, whether it is learned as a target.
struct Example {
  std::vector<TokenId> tokens;
  std::vector<std::uint8_t> learned;  // same length; learned[0] never counts (nothing predicts it)
};

/// Sequences laid end to end without padding, as variable-length attention wants them.
/// Sequence i is tokens [offsets[i], offsets[i+1]); sequences never see each other.
struct TokenBatch {
  std::vector<TokenId> ids;             // (N)
  std::vector<TokenId> targets;         // (N): the id to be predicted at each place, or kNoTarget
  std::vector<std::int64_t> positions;  // (N): from 0 in each sequence
  std::vector<std::int64_t> offsets = {0};  // (sequences + 1)

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t sequences() const {
    return offsets.empty() ? 0 : static_cast<std::int64_t>(offsets.size()) - 1;
  }
  std::int64_t target_count() const;
  /// Appends a sequence; an empty one adds nothing. Failure when marks and tokens differ in number.
  void append(const Example& example);
};

}  // namespace expandft
