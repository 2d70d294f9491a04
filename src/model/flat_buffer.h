#pragma once

#include <cstdint>

namespace expandft {

/// Numbers after which tensors of a flat buffer may begin: at 64 bytes, in any dtype. Kernels may
/// sum in another order elsewhere, and an expanded model would no longer be its base bit for bit.
constexpr std::int64_t kFlatAlignment = 32;

constexpr std::int64_t rounded_up(std::int64_t number, std::int64_t unit) {
  return (number + unit - 1) / unit * unit;
}

}  // namespace expandft
