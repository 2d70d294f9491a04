#pragma once

#include "config/run_config.h"

#include <string>

#include <ATen/ATen.h>

namespace expandft {

/// The device for "auto", "cpu", "cuda" or "cuda:N". cuda is GPU number `gpu`; auto is that GPU if
/// there is one, else the CPU. Input error with the loader's message when the GPU cannot be used.
at::Device select_device(const std::string& name, int gpu = 0);

/// The dtype to compute in. auto: float32 on a CPU, bfloat16 on a GPU, whatever the processor, so
/// that scores can be compared. Training settles its own auto before it (training/automatic.h).
at::ScalarType compute_dtype(Precision precision, at::Device device);

/// The device for the log: "CPU, 2 threads", "cuda:0".
std::string device_name(at::Device device);

}  // namespace expandft
