#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Whether LibTorch's flash attention takes queries like q (N, heads, dim): on a GPU that it has
/// kernels for, in bf16 or fp16, with heads of at most 256 numbers in multiples of 8.
bool suits_flash_attention(const at::Tensor& q);

/// causal_attention (attention.h) by flash attention (arXiv 2307.08691), all sequences in one call;
/// key heads are not repeated. `window`: tokens seen, the token itself included. Waits for no GPU.
/// Differentiable in q, k, v; the gradient of q is summed in no fixed order.
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale,
                           std::optional<std::int64_t> window);

}  // namespace expandft
