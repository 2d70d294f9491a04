#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

inline constexpr std::int64_t kMostFlashDim = 256;

/// Whether LibTorch's flash attention supports queries like q (N, heads, dim): on a GPU that it has
/// kernels for, in bf16 or fp16, with a dim of at most kMostFlashDim that is a multiple of 8.
bool suits_flash_attention(const at::Tensor& q);

/// causal_attention (attention.h) by flash attention (arXiv 2307.08691), with all sequences in one
/// call and without repeated key heads. `window`: tokens seen, including the token itself. Does not
/// wait for the GPU. Differentiable in q, k, v; the order in which the gradient of q is summed
/// varies, so its last bits do.
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale,
                           std::optional<std::int64_t> window);

}  // namespace expandft
