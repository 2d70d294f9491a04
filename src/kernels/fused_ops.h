#pragma once

#include "families/decoder_spec.h"

#include <cstdint>
#include <optional>
#include <utility>

#include <ATen/ATen.h>

namespace expandft {

// The passes over tokens between matrix products, one operator each, without gradients. LibTorch's
// dispatcher knows them as expandft::<name>. On a CPU in fp32 and bfloat16 it calls this project's
// kernels (elementwise_kernels.h, loss_kernels.h), on a GPU those of the plugin (src/cuda) if it is
// loaded, and otherwise plain ATen (plain_ops.h).

/// Root-mean-square norm over the last dimension (arXiv 1910.07467): x (…, h), weight (h) ->
/// y like x, and rsqrt(mean(x²) + eps) (…, 1) in fp32.
std::pair<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                   double eps, NormRule rule);
/// The gradient with respect to x.
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, NormRule rule);

/// Rotates the pairs (i, i + half) of each head of x (N, heads, head_dim), forwards or `back`, by
/// angles whose cos and sin are (N, half).
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back);

/// act(gate) ⊙ up, both (N, p). The row stride may exceed p.
at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation);

struct GatedActivationGrads {
  at::Tensor value;     // act(gate) ⊙ up again; undefined unless wanted
  at::Tensor gate, up;  // gradients
};
/// The gradients of gated_activation, given that of its result.
GatedActivationGrads gated_activation_backward(const at::Tensor& grad, const at::Tensor& gate,
                                               const at::Tensor& up, Activation activation,
                                               bool wants_value);

/// Of each row, in fp32: its largest logit, and the logarithm of Σ e^(logit − largest).
struct SoftmaxOfRows {
  at::Tensor largest, log_sum;  // (M)
};
/// logits (M, V); they may be overwritten.
SoftmaxOfRows softmax_sums(at::Tensor& logits);

/// −log softmax(logits)[target] of each row: logits (M, V), targets (M) int64 -> (M), fp32. With
/// `wants_grad`, overwrites the logits with the gradient of the sum; if the logits are
/// cap·tanh(x / cap), with the gradient with respect to x.
at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad);

/// The same with a weight for each row, whose gradient overwrites the logits: of the sum of weight
/// times loss, the weights as constants. `weights` (M) in fp32; none: the target's probability.
struct WeightedLosses {
  at::Tensor losses, weights;  // (M), fp32: without their weights, and the weights
};
WeightedLosses weighted_cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                                      const std::optional<at::Tensor>& weights,
                                      std::optional<double> softcap);

/// The entropy of the softmax over the `count` largest logits of each row (all, if there are
/// fewer): logits (M, V) -> (M), fp32 (nats).
at::Tensor top_entropy(const at::Tensor& logits, std::int64_t count);

/// KL(softmax(reference) ‖ softmax(logits)) of each row: both (M, V) -> (M), fp32 (nats). With
/// `wants_grad`, overwrites the logits with the gradient of the sum, as cross_entropy does.
at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad);

}  // namespace expandft
