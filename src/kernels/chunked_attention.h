#pragma once

#include "kernels/attention.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// causal_attention (attention.h) by LibTorch's operators, with every option, on any device, for
/// heads of any size. Scores are computed for a chunk of queries at a time and again in the
/// backward pass: memory beyond q, k, v and their gradients is a few times 4 MiB (64 MiB on a
/// GPU), or that of one row of scores if it is larger, and four copies of a key head in fp32. Keys
/// that no query of a chunk sees are skipped. Scores are fp32. Differentiable in q, k, v.
at::Tensor chunked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const std::vector<std::int64_t>& offsets,
                             const AttentionOptions& options);

}  // namespace expandft
