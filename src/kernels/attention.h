#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

struct AttentionOptions {
  double scale = 1.0;                  // multiplies q·k
  std::optional<std::int64_t> window;  // tokens seen, the token itself included; none: all before
  std::optional<double> softcap;       // scores become cap·tanh(score / cap)
};

/// Causal attention over sequences laid end to end: sequence i is tokens
/// [offsets[i], offsets[i+1]), and sees itself alone. q (N, heads, dim); k, v (N, kv_heads, dim),
/// each key head serving heads / kv_heads queries. Returns (N, heads, dim). Softmax in fp32.
/// Differentiable in q, k, v.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& options);

/// Attention of the newest tokens of one sequence over all of it. q (n, heads, dim) are the last
/// n of the L tokens in k, v (L, kv_heads, dim). No gradients.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options);

/// Attention of the newest token of each of many sequences over all of its own. q (sequences,
/// heads, dim); k, v (sequences, L, kv_heads, dim) -> (sequences, heads, dim). `visible`
/// (sequences, L), bool, says which tokens each sees; undefined: all that the window lets it see.
/// No gradients.
at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& visible, const AttentionOptions& options);

/// Attention within groups of tokens that lie end to end: group i is tokens [offsets[i],
/// offsets[i+1]), n of them, and masks[i] (n, n) is 0 where one (row) sees another (column) and
/// -inf elsewhere; the options' window is not looked at. Shapes as causal_attention's. No
/// gradients.
at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets,
                           const std::vector<at::Tensor>& masks, const AttentionOptions& options);

}  // namespace expandft
