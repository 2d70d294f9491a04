#pragma once

#include <ATen/ATen.h>

namespace expandft {

/// Sum of -log softmax(hidden·headᵀ)[target] over the rows, in fp32, for a frozen head.
/// hidden (M, h), head (V, h), targets (M) of int64, all valid ids. Never holds M × V numbers: the
/// rows are taken in chunks, and the gradient of `hidden` is made in the forward pass.
at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets);

/// log softmax(hidden·headᵀ)[target] for each row: (M), fp32. No gradients.
at::Tensor target_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets);

}  // namespace expandft
