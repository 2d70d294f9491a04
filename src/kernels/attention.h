#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

struct AttentionOptions {
  double scale = 1.0;  // multiplies q·k
  std::optional<std::int64_t>
      window;                     // tokens seen, including the token itself; none: all before it
  std::optional<double> softcap;  // scores become cap·tanh(score / cap)
};

/// Rows [begin, end) of keys and values.
struct RowRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// The rows that one token sees: two ranges, in the order of their positions. Either may be empty,
/// but not both.
struct SeenRows {
  RowRange first, second;
};

/// What each token of a batch sees, as rows or as masks: uses_rows() says which.
struct SeenTokens {
  std::vector<SeenRows> rows;  // one for each token
  /// one_token_attention: (sequences, L), bool, the tokens among the first L of each place that its
  /// sequence sees; group_attention: for each group of n tokens (n, n), 0 where a token (row) sees
  /// another (column) and -inf elsewhere.
  std::vector<at::Tensor> masks;
};

/// Whether attention to what a SeenTokens says takes its rows, for keys like `k` (device and dtype
/// count).
bool uses_rows(const at::Tensor& k, std::optional<double> softcap);

/// Causal attention over a pack of sequences: sequence i is tokens [offsets[i], offsets[i+1]), and
/// sequences do not see each other. q (N, heads, dim); k, v (N, kv_heads, dim), each key head
/// serving heads / kv_heads query heads. Returns (N, heads, dim). Softmax in fp32. Differentiable
/// in q, k, v. Chooses the fastest kernel for the device, dtype and lengths.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& options);

/// Attention of the last n tokens of one sequence over all of its L tokens: q (n, heads, dim), k
/// and v (L, kv_heads, dim). No gradients.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options);

/// Attention of the last token of each of many sequences over its own sequence. q (sequences,
/// heads, dim); k, v (places, capacity, kv_heads, dim), where `seen` says which tokens each one
/// sees
/// -> (sequences, heads, dim). options.window is ignored. No gradients.
at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const SeenTokens& seen, const AttentionOptions& options);

/// Attention within a pack of groups: group i is tokens [offsets[i], offsets[i+1]), and `seen` says
/// which of these each token sees. options.window is ignored. Shapes as in causal_attention. No
/// gradients.
at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, const SeenTokens& seen,
                           const AttentionOptions& options);

}  // namespace expandft
