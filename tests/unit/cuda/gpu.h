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

/// Whether tests tagged [gpu] can run here. If not, says so in words that CTest takes for a skipped
/// test (tests/CMakeLists.txt).
inline bool gpu_is_there() {
  try {
    select_device("cuda");
    return true;
  } catch (const Error& error) {
    WARN("SKIPPED, no GPU: " << error.message());
    return false;
  }
}

/// The operators of fused_ops.h that have no kernel of the plugin's.
inline std::vector<std::string> operators_without_cuda() {
  std::vector<std::string> missing;
  for (const std::string name :
       {"rms_norm_forward", "rms_norm_backward", "rotate", "gated_activation",
        "gated_activation_backward", "cross_entropy"}) {
    const auto handle =
        c10::Dispatcher::singleton().findSchemaOrThrow(("expandft::" + name).c_str(), "");
    if (!handle.hasKernelForDispatchKey(c10::DispatchKey::CUDA)) missing.push_back(name);
  }
  return missing;
}

/// How far apart two results in a dtype may be: a last digit or two, since sums are taken in
/// another order.
inline double digits(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? 0.016 : dtype == at::kHalf ? 0.002 : 2e-5;
}

/// The worst |found - expected| in units of what is allowed: below 1 is equal. Allowed is a
/// number's own last digits, and 1e-5 of the largest number where numbers cancel.
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
