#pragma once

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Groups of sequences that share a beginning, packed end to end. Each group holds its shared
/// beginning once, the trunk, followed by the rest of each sequence, its branch.
struct BranchedBatch {
  std::vector<TokenId> ids;                 // (N)
  std::vector<std::int64_t> positions;      // (N): within the token's sequence
  std::vector<std::int64_t> branches;       // (N): 0 in the trunk, then 1, 2, ... in each group
  std::vector<std::int64_t> offsets = {0};  // (groups + 1)

  std::int64_t tokens() const { return std::ssize(ids); }
  /// Appends a group of one or more sequences, none of them empty. Returns for each sequence the
  /// row of each of its tokens.
  std::vector<std::vector<std::int64_t>> append(const std::vector<std::vector<TokenId>>& sequences);
};

/// How many tokens append() adds: those of all sequences, counting the shared beginning once.
std::int64_t branched_tokens(const std::vector<std::vector<TokenId>>& sequences);

/// The batch on a device; offsets stay on the host.
struct BranchedTensors {
  at::Tensor ids, positions, branches;  // (N), int64
  std::vector<std::int64_t> offsets;
};

BranchedTensors to_device(const BranchedBatch& batch, at::Device device);

/// The mask of each group (n tokens) that attention adds to the scores (n, n), in `dtype`: 0 where
/// a token (row) sees another (column), -inf elsewhere. A token sees itself and the earlier tokens
/// of its sequences, within the window.
std::vector<at::Tensor> branch_masks(const BranchedTensors& tokens,
                                     std::optional<std::int64_t> window, at::ScalarType dtype);

}  // namespace expandft
