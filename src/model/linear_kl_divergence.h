#pragma once

#include <optional>

#include <ATen/ATen.h>

namespace expandft {

/// Sum over the rows of KL(p ‖ q) in nats, where p = softmax(reference·headᵀ) is what one model
/// says of the next token and q = softmax(hidden·headᵀ) what another does, with a frozen head that
/// both share. hidden and reference (M, h), head (V, h); logits as head_logits makes them, sums in
/// fp32. Differentiable in `hidden`. Never holds M × V numbers: the rows are taken in chunks, and
/// the gradient, (q − p)·head, is made in the forward pass.
at::Tensor linear_kl_divergence(const at::Tensor& hidden, const at::Tensor& reference,
                                const at::Tensor& head, std::optional<double> softcap = {});

}  // namespace expandft
