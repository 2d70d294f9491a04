#pragma once

#include "families/decoder_spec.h"

#include <cstdint>
#include <optional>
#include <tuple>

#include <ATen/ATen.h>

namespace expandft {

/// What the kernels of norms need to know of a NormRule.
inline bool rounds_first(std::int64_t rule) {
  return rule == static_cast<std::int64_t>(NormRule::kRoundThenScale);
}
inline float added_to_weight(std::int64_t rule) {
  return rule == static_cast<std::int64_t>(NormRule::kScaleByOnePlus) ? 1.0F : 0.0F;
}

}  // namespace expandft

namespace expandft::plain {

// The operators of fused_ops.h in plain ATen, for any device and dtype. The kernels are tested
// against them. Signatures are those of the dispatcher; `rule` is a NormRule,
// `activation` an Activation.

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                    double eps, std::int64_t rule);
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, std::int64_t rule);
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back);
at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, std::int64_t activation);
std::tuple<at::Tensor, at::Tensor, at::Tensor> gated_activation_backward(const at::Tensor& grad,
                                                                         const at::Tensor& gate,
                                                                         const at::Tensor& up,
                                                                         std::int64_t activation,
                                                                         bool wants_value);
std::tuple<at::Tensor, at::Tensor> softmax_sums(at::Tensor& logits);
at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad);
std::tuple<at::Tensor, at::Tensor> weighted_cross_entropy(at::Tensor& logits,
                                                          const at::Tensor& targets,
                                                          const std::optional<at::Tensor>& weights,
                                                          std::optional<double> softcap);
at::Tensor top_entropy(const at::Tensor& logits, std::int64_t count);
at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad);

}  // namespace expandft::plain
