#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Logits are hidden·headᵀ; with a soft cap, cap·tanh(hidden·headᵀ / cap).
at::Tensor head_logits(const at::Tensor& hidden, const at::Tensor& head,
                       std::optional<double> softcap);

/// Rows whose logits through this head are made at once, a multiple of 16: about 4 million logits
/// on a CPU (16 MB), 64 million on a GPU.
std::int64_t head_chunk_rows(const at::Tensor& head);

/// Sum of -log softmax(logits)[target] over the rows, in fp32. hidden (M, h), head (V, h), targets
/// (M) of int64, all valid ids. Never holds M × V numbers: the rows are taken in chunks, and the
/// gradients of `hidden` and, if it trains, of `head` are made in the forward pass.
at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, std::optional<double> softcap = {});

/// log softmax(logits)[target] for each row: (M), fp32. No gradients.
at::Tensor target_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap = {});

/// What a model says of tokens: log softmax(logits)[token], in fp32, and whether no token is
/// likelier. (P) each.
struct TokenScores {
  at::Tensor log_probs, likeliest;
};

/// Scores tokens (P) of int64, each as the next after a row of hidden (M, h); `rows` (P),
/// ascending, say which, so that several tokens of one row cost one. On the CPU. No gradients.
TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& head,
                         const std::vector<std::int64_t>& rows,
                         const std::vector<std::int64_t>& tokens,
                         std::optional<double> softcap = {});

}  // namespace expandft
