#pragma once

#include "kernels/attention.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Where the sequence of a token lies: the rows of its group's trunk, and the first of its branch,
/// which for a token of the trunk follows the trunk.
struct BranchRows {
  RowRange trunk;
  std::int64_t branch = 0;
};

/// Groups of sequences that share a beginning, packed end to end. Each group holds its shared
/// beginning once, the trunk, followed by the rest of each sequence, its branch.
struct BranchedBatch {
  std::vector<TokenId> ids;                 // (N)
  std::vector<std::int64_t> positions;      // (N): within the token's sequence
  std::vector<std::int64_t> branches;       // (N): 0 in the trunk, then 1, 2, ... in each group
  std::vector<std::int64_t> offsets = {0};  // (groups + 1)
  std::vector<BranchRows> rows;             // (N)

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
  at::Tensor host_ids;                  // ids, on the host
  std::vector<std::int64_t> offsets;
  std::vector<BranchRows> rows;
};

BranchedTensors to_device(const BranchedBatch& batch, at::Device device);

/// What each token sees: itself and the earlier tokens of its sequence, within the window. As rows
/// or, without uses_rows(k, softcap) for `k` (0) of the keys' dtype and device, as masks.
SeenTokens seen_in_branches(const BranchedTensors& tokens, std::optional<std::int64_t> window,
                            const at::Tensor& k, std::optional<double> softcap);

}  // namespace expandft
