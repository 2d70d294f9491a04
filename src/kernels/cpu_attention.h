#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Whether cpu_attention takes these sequences: on a CPU, in fp32, each short enough that its keys
/// and values stay in the L2 cache.
bool suits_cpu_attention(const at::Tensor& q, const std::vector<std::int64_t>& offsets);

/// causal_attention (attention.h) without window and soft cap, by this project's own kernels
/// (attention_kernels.h): the heads of small models are too narrow for a matrix library to be fast.
/// Differentiable in q, k, v.
at::Tensor cpu_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const std::vector<std::int64_t>& offsets, double scale);

}  // namespace expandft
