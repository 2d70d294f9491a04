#pragma once

#include "kernels/plain_ops.h"

namespace expandft::cpu {

// The operators of fused_ops.h on a CPU, with the signatures of plain_ops.h: this project's kernels
// in fp32 and bfloat16, plain ATen in other dtypes.

decltype(plain::rms_norm_forward) rms_norm_forward;
decltype(plain::rms_norm_backward) rms_norm_backward;
decltype(plain::rotate) rotate;
decltype(plain::gated_activation) gated_activation;
decltype(plain::gated_activation_backward) gated_activation_backward;
decltype(plain::softmax_sums) softmax_sums;
decltype(plain::cross_entropy) cross_entropy;
decltype(plain::weighted_cross_entropy) weighted_cross_entropy;
decltype(plain::top_entropy) top_entropy;
decltype(plain::kl_divergence) kl_divergence;

}  // namespace expandft::cpu
