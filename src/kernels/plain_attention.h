#pragma once

#include "kernels/attention.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

// LibTorch's attention, for what cpu_attention, flash_attention and chunked_attention leave: fp16
// on a CPU, fp32 and GPUs without flash attention, caches.

/// Consecutive sequences of one length in a pack, computed in one call.
struct SequenceRun {
  std::int64_t begin, count, length;
  std::int64_t tokens() const { return count * length; }
};

/// The runs of a pack; `offsets` as in causal_attention.
std::vector<SequenceRun> sequence_runs(const std::vector<std::int64_t>& offsets);

/// The tokens of a run of x (N, heads, dim) as (count, heads, length, dim), a view.
at::Tensor heads_first(const at::Tensor& x, const SequenceRun& run);

/// Each key head repeated for the query heads it serves: (N, kv_heads, dim) -> (N, heads, dim).
at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads);

/// Whether each of the last `n` tokens (rows) sees each of `length` tokens (columns): bool.
at::Tensor visible_tokens(std::int64_t n, std::int64_t length, std::optional<std::int64_t> window,
                          at::Device device);

/// causal_attention without window and soft cap: LibTorch's attention of each run.
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale);

/// Attention with a given mask. q (batch, heads, n, dim), k and v (batch, heads, L, dim); the mask
/// broadcasts to (batch, heads, n, L) and is bool (true: seen) or added to the scores; without one
/// all tokens are seen. options.window is ignored.
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::optional<at::Tensor>& mask, const AttentionOptions& options);

}  // namespace expandft
