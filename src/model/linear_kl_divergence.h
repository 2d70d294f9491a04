#pragma once

#include <optional>

#include <ATen/ATen.h>

namespace expandft {

/// Sum over the rows of KL(p ‖ q) in nats, where p = softmax(reference·reference_headᵀ) is what one
/// model says of the next token and q = softmax(hidden·headᵀ) what another does. hidden and
/// reference (M, h), heads (V, h); logits as head_logits makes them, sums in fp32. Differentiable
/// in `hidden` and `head`. Never holds M × V numbers: the rows are taken in chunks, and the
/// gradients, (q − p)·head for `hidden`, are made in the forward pass.
at::Tensor linear_kl_divergence(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& reference, const at::Tensor& reference_head,
                                std::optional<double> softcap = {});

}  // namespace expandft
