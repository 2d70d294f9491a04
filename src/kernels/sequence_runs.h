#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Consecutive sequences of one length, computed in one call.
struct SequenceRun {
  std::int64_t begin, count, length;
  std::int64_t tokens() const { return count * length; }
};

inline std::vector<SequenceRun> sequence_runs(const std::vector<std::int64_t>& offsets) {
  std::vector<SequenceRun> runs;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    if (!runs.empty() && runs.back().length == length) {
      ++runs.back().count;
    } else {
      runs.push_back({offsets[i], 1, length});
    }
  }
  return runs;
}

/// Tokens of a run of x (N, heads, dim) as (count, heads, length, dim), a view.
inline at::Tensor heads_first(const at::Tensor& x, const SequenceRun& run) {
  return x.narrow(0, run.begin, run.tokens())
      .view({run.count, run.length, x.size(1), x.size(2)})
      .transpose(1, 2);
}

/// Whether each of the last `n` tokens (rows) sees each of `length` tokens (columns): bool.
inline at::Tensor visible_tokens(std::int64_t n, std::int64_t length,
                                 std::optional<std::int64_t> window, at::Device device) {
  const std::int64_t before = length - n;
  at::Tensor visible =
      at::ones({n, length}, at::TensorOptions().dtype(at::kBool).device(device)).tril_(before);
  if (window) visible.triu_(before - *window + 1);
  return visible;
}

}  // namespace expandft
