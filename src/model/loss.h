#pragma once

#include "config/token_weights.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

// The losses of a language model, from its last hidden states. Logits would be M × V numbers, the
// largest tensor of a step, so they are never all in memory: each function takes the rows in chunks
// and, where the loss is differentiable, makes the gradients in the forward pass, from the logits
// of the chunk at hand.

/// Logits are hidden·headᵀ; with a soft cap, cap·tanh(hidden·headᵀ / cap).
at::Tensor head_logits(const at::Tensor& hidden, const at::Tensor& head,
                       std::optional<double> softcap);

/// Rows whose logits through this head are computed at once, a multiple of 16. On a CPU 256 in fp32
/// and 512 in 16 bits, but at least 4 million logits, and at most 256 MiB; on a GPU 1 GiB.
std::int64_t head_chunk_rows(const at::Tensor& head);

/// The sum of -log softmax(logits)[target] over the rows, in fp32 (nats). hidden (M, h), head
/// (V, h), targets (M) of int64, all valid ids. Differentiable in `hidden` and `head`.
at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, std::optional<double> softcap = {});

/// The sum over the rows of KL(p ‖ q) in nats, where p = softmax(reference·reference_headᵀ) is the
/// next-token distribution of one model and q = softmax(hidden·headᵀ) that of another. hidden and
/// reference (M, h), heads (V, h); sums in fp32. Differentiable in `hidden` and `head`; the
/// gradient of `hidden` is (q − p)·head.
at::Tensor linear_kl_divergence(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& reference, const at::Tensor& reference_head,
                                std::optional<double> softcap = {});

/// What a loss of tokens has besides the negative log-likelihood.
struct TokenLossTerms {
  /// What the loss of a row is multiplied by, as a constant. kEaft (arXiv 2601.02151): the entropy
  /// of the softmax over the kLikeliest largest logits, over its largest possible value, so 0 to 1.
  /// kDft (arXiv 2508.05629): the target's probability. kStm: `weights`.
  TokenWeights rule = TokenWeights::kNone;
  at::Tensor weights;  // (M), fp32; of kStm
  /// Undefined, or the last hidden states (M, h) and head (V, h) of another model p: adds
  /// divergence_weight · KL(p ‖ softmax(logits)) of each row.
  at::Tensor reference, reference_head;
  double divergence_weight = 0;

  static constexpr std::int64_t kLikeliest = 20;
};

/// Sums over the rows.
struct TokenLosses {
  at::Tensor total;  // Σ weight·loss + divergence_weight·Σ divergence in fp32; differentiable
  at::Tensor sums;  // (3), float64: Σ loss, Σ weight·loss, Σ divergence (0 without a reference)
};

/// linear_cross_entropy with these terms, all in one pass over the logits.
TokenLosses linear_token_losses(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, const TokenLossTerms& terms,
                                std::optional<double> softcap = {});

/// log softmax(logits)[target] of each row: (M), fp32. No gradients.
at::Tensor target_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap = {});

/// How a model scores tokens, (P) each: log softmax(logits)[token] in fp32, and whether no token is
/// more likely.
struct TokenScores {
  at::Tensor log_probs, likeliest;
};

/// Scores tokens (P, int64), each as the successor of a row of hidden (M, h). `rows` (P) names the
/// rows in ascending order, so the logits of a row are computed once for all of its tokens. The
/// result is on the CPU. No gradients.
TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& head,
                         const std::vector<std::int64_t>& rows,
                         const std::vector<std::int64_t>& tokens,
                         std::optional<double> softcap = {});

}  // namespace expandft
