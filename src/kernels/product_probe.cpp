#include "kernels/product_probe.h"

#include "kernels/matrix_product.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <ATen/ATen.h>

namespace expandft {
namespace {

double seconds_of_product(const at::Tensor& x, const at::Tensor& weight) {
  const auto start = std::chrono::steady_clock::now();
  product_transposed(x, weight);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::optional<ProductSeconds> time_products(std::int64_t hidden, std::int64_t width) {
  constexpr std::int64_t kSmallWeight = 512 * 512;
  constexpr std::int64_t kRows = 256, kMostHidden = 1024, kMostWidth = 2048;
  constexpr int kTries = 4;
  if (hidden * width < kSmallWeight) return {};
  const c10::NoGradGuard no_grad;
  const std::int64_t in = std::min(hidden, kMostHidden);
  const at::Tensor x = at::full({kRows, in}, 0.5, at::kFloat);
  const at::Tensor weight = at::full({std::min(width, kMostWidth), in}, 0.25, at::kFloat);
  const at::Tensor x16 = x.to(at::kBFloat16), weight16 = weight.to(at::kBFloat16);
  // The first product of a shape also compiles its kernel.
  seconds_of_product(x, weight);
  seconds_of_product(x16, weight16);
  constexpr double kNone = std::numeric_limits<double>::infinity();
  ProductSeconds best{kNone, kNone};
  for (int i = 0; i < kTries; ++i) {
    best.float32 = std::min(best.float32, seconds_of_product(x, weight));
    best.bfloat16 = std::min(best.bfloat16, seconds_of_product(x16, weight16));
  }
  return best;
}

}  // namespace expandft
