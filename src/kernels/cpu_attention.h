#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Whether cpu_attention takes queries like q: on a CPU, in fp32 or bf16.
bool suits_cpu_attention(const at::Tensor& q);

/// causal_attention (attention.h) without soft cap, by this project's own kernels
/// (attention_kernels.h). `window`: tokens seen, including the token itself; keys that no query of
/// a block sees are skipped. Computes in fp32; bf16 results are rounded once. Memory beyond the
/// results is bounded by a few copies of q. Differentiable in q, k, v. The bits of the results do
/// not depend on the number of threads.
at::Tensor cpu_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const std::vector<std::int64_t>& offsets, double scale,
                         std::optional<std::int64_t> window);

}  // namespace expandft
