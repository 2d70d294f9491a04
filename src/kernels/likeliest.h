#pragma once

#include <ATen/ATen.h>

namespace expandft {

struct Likeliest {
  at::Tensor ids;     // (M), int64, on the CPU: the lowest when several are equally likely
  at::Tensor logits;  // (M): theirs, without a soft cap; NaN where one of the row's is NaN
};

/// The likeliest token after each row of `hidden` (M, h), given the output embedding `head` (V, h)
/// of the same dtype: that of the largest hidden·head. A soft cap would not change it, because it
/// keeps the order. On a CPU in fp32 the logits (M, V) are never stored. No gradients.
Likeliest likeliest_tokens(const at::Tensor& hidden, const at::Tensor& head);

}  // namespace expandft
