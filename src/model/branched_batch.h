#pragma once

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Sequences in groups whose members begin alike. What all of a group share is there once, as its
/// trunk; then comes, branch by branch, what each goes on with. Groups lie end to end.
struct BranchedBatch {
  std::vector<TokenId> ids;                 // (N)
  std::vector<std::int64_t> positions;      // (N): in the sequence that a token belongs to
  std::vector<std::int64_t> branches;       // (N): 0 in the trunk, then 1, 2, ... in each group
  std::vector<std::int64_t> offsets = {0};  // (groups + 1)

  std::int64_t tokens() const { return std::ssize(ids); }
  /// Appends a group of at least one sequence, none of them empty. Gives for each the row of each
  /// of its tokens.
  std::vector<std::vector<std::int64_t>> append(const std::vector<std::vector<TokenId>>& sequences);
};

/// How many tokens append() adds: those of all sequences, the shared beginning once.
std::int64_t branched_tokens(const std::vector<std::vector<TokenId>>& sequences);

/// The batch on a device; offsets stay on the host.
struct BranchedTensors {
  at::Tensor ids, positions, branches;  // (N), int64
  std::vector<std::int64_t> offsets;
};

BranchedTensors to_device(const BranchedBatch& batch, at::Device device);

/// For each group (n tokens) what attention adds to its scores (n, n), in `dtype`: 0 where a token
/// (row) sees another (column), which is itself or comes before it in a sequence of both, no
/// further back than the window; -inf elsewhere.
std::vector<at::Tensor> branch_masks(const BranchedTensors& tokens,
                                     std::optional<std::int64_t> window, at::ScalarType dtype);

}  // namespace expandft
