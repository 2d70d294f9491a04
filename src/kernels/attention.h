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
/// heads, dim); k, v (sequences, L, kv_heads, dim) -> (sequences, heads, dim). `visible`
/// (sequences, L), bool, says which tokens each one sees; if undefined, all tokens in the window.
/// No gradients.
at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& visible, const AttentionOptions& options);

/// Attention within a pack of groups: group i is tokens [offsets[i], offsets[i+1]), n of them, and
/// masks[i] (n, n) is 0 where a token (row) sees another (column) and -inf elsewhere.
/// options.window is ignored. Shapes as in causal_attention. No gradients.
at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets,
                           const std::vector<at::Tensor>& masks, const AttentionOptions& options);

}  // namespace expandft
