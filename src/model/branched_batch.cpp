#include "model/branched_batch.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

std::size_t shared_beginning(const std::vector<std::vector<TokenId>>& sequences) {
  std::size_t length = sequences.front().size();
  for (const std::vector<TokenId>& other : sequences) {
    const auto end = std::ranges::mismatch(sequences.front(), other).in2;
    length = std::min(length, static_cast<std::size_t>(end - other.begin()));
  }
  return length;
}

std::vector<SeenRows> seen_rows(const std::vector<BranchRows>& places,
                                std::optional<std::int64_t> window) {
  std::vector<SeenRows> seen;
  for (std::int64_t row = 0; row < std::ssize(places); ++row) {
    const auto& [trunk, branch] = places[static_cast<std::size_t>(row)];
    // The last `left` tokens of a range.
    const auto last = [](RowRange range, std::int64_t left) {
      return RowRange{std::max(range.begin, range.end - left), range.end};
    };
    const std::int64_t shown = window.value_or(row + 1);
    if (row < trunk.end) {
      seen.push_back({.first = last({trunk.begin, row + 1}, shown), .second = {}});
      continue;
    }
    const RowRange own = last({branch, row + 1}, shown);
    seen.push_back({.first = last(trunk, shown - own.size()), .second = own});
  }
  return seen;
}

/// The mask of each group (n tokens) that attention adds to the scores (n, n), in `dtype`: 0 where
/// a token (row) sees another (column), -inf elsewhere.
std::vector<at::Tensor> branch_masks(const BranchedTensors& tokens,
                                     std::optional<std::int64_t> window, at::ScalarType dtype) {
  std::vector<at::Tensor> masks;
  for (std::size_t i = 0; i + 1 < tokens.offsets.size(); ++i) {
    const auto part = [&](const at::Tensor& all) {
      return all.narrow(0, tokens.offsets[i], tokens.offsets[i + 1] - tokens.offsets[i]);
    };
    const at::Tensor row = part(tokens.positions).unsqueeze(1), column = row.t();
    const at::Tensor branch = part(tokens.branches);
    at::Tensor hidden = column > row;
    hidden.logical_or_((branch != 0).logical_and(branch != branch.unsqueeze(1)));
    if (window) hidden.logical_or_(column <= row - *window);
    masks.push_back(at::zeros(hidden.sizes(), tokens.ids.options().dtype(dtype))
                        .masked_fill_(hidden, -INFINITY));
  }
  return masks;
}

}  // namespace

std::int64_t branched_tokens(const std::vector<std::vector<TokenId>>& sequences) {
  const std::size_t trunk = shared_beginning(sequences);
  std::size_t tokens = trunk;
  for (const std::vector<TokenId>& sequence : sequences) tokens += sequence.size() - trunk;
  return static_cast<std::int64_t>(tokens);
}

std::vector<std::vector<std::int64_t>> BranchedBatch::append(
    const std::vector<std::vector<TokenId>>& sequences) {
  const std::int64_t start = tokens();
  const std::size_t trunk = shared_beginning(sequences);
  const auto add = [&](const std::vector<TokenId>& sequence, std::size_t place,
                       std::int64_t branch) {
    ids.push_back(sequence[place]);
    positions.push_back(static_cast<std::int64_t>(place));
    branches.push_back(branch);
  };
  const RowRange shared{start, start + static_cast<std::int64_t>(trunk)};
  for (std::size_t i = 0; i < trunk; ++i) add(sequences.front(), i, 0);
  rows.resize(ids.size(), {shared, shared.end});
  std::vector<std::vector<std::int64_t>> all;
  std::int64_t branch = 0;
  for (const std::vector<TokenId>& sequence : sequences) {
    ++branch;
    const std::int64_t first = tokens();
    std::vector<std::int64_t> own;
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      own.push_back(i < trunk ? start + static_cast<std::int64_t>(i) : tokens());
      if (i >= trunk) add(sequence, i, branch);
    }
    rows.resize(ids.size(), {shared, first});
    all.push_back(std::move(own));
  }
  offsets.push_back(tokens());
  return all;
}

BranchedTensors to_device(const BranchedBatch& batch, at::Device device) {
  const auto tensor = [&](const std::vector<std::int64_t>& numbers) {
    return at::tensor(numbers, at::kLong).to(device);
  };
  const at::Tensor ids =
      at::tensor(std::vector<std::int64_t>(batch.ids.begin(), batch.ids.end()), at::kLong);
  return {.ids = ids.to(device),
          .positions = tensor(batch.positions),
          .branches = tensor(batch.branches),
          .host_ids = ids,
          .offsets = batch.offsets,
          .rows = batch.rows};
}

SeenTokens seen_in_branches(const BranchedTensors& tokens, std::optional<std::int64_t> window,
                            const at::Tensor& k, std::optional<double> softcap) {
  if (uses_rows(k, softcap)) return {.rows = seen_rows(tokens.rows, window), .masks = {}};
  return {.rows = {}, .masks = branch_masks(tokens, window, k.scalar_type())};
}

}  // namespace expandft
