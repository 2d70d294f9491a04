#pragma once

#include "base/error.h"
#include "catch.h"
#include "runtime/device.h"

#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace expandft {

/// Whether tests tagged [gpu] can run here. If not, prints a message that makes CTest report the
/// test as skipped (tests/CMakeLists.txt).
inline bool gpu_is_there() {
  try {
    select_device("cuda");
    return true;
  } catch (const Error& error) {
    WARN("SKIPPED, no GPU: " << error.message());
    return false;
  }
}

/// The operators of fused_ops.h without a kernel in the plugin.
inline std::vector<std::string> operators_without_cuda() {
  std::vector<std::string> missing;
  for (const std::string name :
       {"rms_norm_forward", "rms_norm_backward", "rotate", "gated_activation",
        "gated_activation_backward", "cross_entropy", "weighted_cross_entropy"}) {
    const auto handle =
        c10::Dispatcher::singleton().findSchemaOrThrow(("expandft::" + name).c_str(), "");
    if (!handle.hasKernelForDispatchKey(c10::DispatchKey::CUDA)) missing.push_back(name);
  }
  return missing;
}

/// The relative difference allowed between two results in a dtype: the last digit or two, since the
/// order of summation differs.
inline double digits(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? 0.016 : dtype == at::kHalf ? 0.002 : 2e-5;
}

/// The largest |found - expected| relative to what is allowed: below 1 counts as equal. Allowed are
/// the last digits of each number and, for cancellation, 1e-5 of the largest number.
inline double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.scalar_type() != expected.scalar_type() || found.sizes() != expected.sizes())
    return 1e9;
  if (expected.numel() == 0) return 0;
  const at::Tensor a = found.to(at::kDouble), b = expected.to(at::kDouble);
  const at::Tensor allowed = b.abs() * digits(found.scalar_type()) + b.abs().max() * 1e-5 + 1e-30;
  const double worst = ((a - b).abs() / allowed).max().item<double>();
  return std::isnan(worst) ? 1e9 : worst;
}

}  // namespace expandft
