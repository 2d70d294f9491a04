#pragma once

#include "kernels/attention.h"

namespace expandft {

/// causal_attention with a soft cap on the scores, which no fused kernel computes: written out, a
/// few sequences and one key head at a time, and done again in the backward pass, so that the
/// scores of one such piece are all that is in memory. options.softcap must be there.
at::Tensor capped_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& options);

}  // namespace expandft
