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

/// Attention of the newest token of each of many sequences of one length over all of its own. q
/// (sequences, heads, dim); k, v (sequences, L, kv_heads, dim) -> (sequences, heads, dim). No
/// gradients.
at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const AttentionOptions& options);

}  // namespace expandft
