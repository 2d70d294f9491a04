#pragma once

#include "base/files.h"

#include <vector>

namespace expandft {

/// Where the GPU plugin (src/cuda) may lie: beside the running program, and in the folder of
/// libraries of the tree it is installed in.
std::vector<fs::path> cuda_plugin_places();

/// Loads the plugin from the first place that has it, so that LibTorch's dispatcher knows
/// its kernels; LibTorch's CUDA library must be loaded before. Without it plain ATen does the work,
/// and a warning says so. Returns whether it is loaded.
bool load_cuda_plugin(const std::vector<fs::path>& places = cuda_plugin_places());

/// A function that the loaded plugin exports; null without the plugin or the function.
void* cuda_plugin_symbol(const char* name);

}  // namespace expandft
