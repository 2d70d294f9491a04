#pragma once

#include "kernels/attention.h"

#include <ATen/ATen.h>

namespace expandft {

/// Attention of tokens that each see rows of keys of their own: q (n, heads, dim); k and v (rows,
/// kv_heads, dim), of which token i sees seen[i] -> (n, heads, dim); scores are scale·q·k. On a
/// CPU, in fp32. Neither keys nor values are copied, and no mask is made. Each token reads its keys
/// anew, so for long sequences whose tokens see the same keys causal_attention is faster. No
/// gradients.
at::Tensor token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<SeenRows>& seen, double scale);

}  // namespace expandft
