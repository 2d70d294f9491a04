#pragma once

#include "config/run_config.h"

#include <string>

#include <ATen/ATen.h>

namespace expandft {

/// "auto", "cpu", "cuda" or "cuda:N" as a device that is there. cuda is GPU `gpu`, auto too, or the
/// CPU. Asking for a GPU that cannot be used is an input error with the loader's own words.
at::Device select_device(const std::string& name, int gpu = 0);

/// The dtype to compute in. auto: float32 on a CPU, bfloat16 on a GPU.
at::ScalarType compute_dtype(Precision precision, at::Device device);

/// The device in words, for the log: "CPU, 2 threads", "cuda:0".
std::string device_name(at::Device device);

}  // namespace expandft
