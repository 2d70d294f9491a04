#pragma once

#include <ATen/ATen.h>

namespace expandft {

/// The sum of the squares of all numbers of `x`: a float64 scalar on its device, accurate to about
/// 1e-7 for any count, and bit-identical for any number of threads. (LibTorch's own norm adds all
/// squares in fp32: for 2·10⁸ numbers on a CPU it is 3 % too small.) Does not wait for the device.
at::Tensor squared_norm(const at::Tensor& x);

}  // namespace expandft
