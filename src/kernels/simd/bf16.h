#pragma once

#include <cstdint>

namespace expandft {

/// A stored bfloat16 number: the upper half of a float. simd.h loads it as fp32 and rounds results
/// to it.
struct Bf16 {
  std::uint16_t bits;
};

}  // namespace expandft
