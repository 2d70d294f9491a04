#pragma once

#include "base/files.h"

#include <vector>

namespace expandft {

/// Where the GPU plugin (src/cuda) can be: next to the running program, or in the library folder of
/// the tree it is installed in.
std::vector<fs::path> cuda_plugin_places();

/// Loads the plugin from the first place that has it, which registers its kernels with LibTorch's
/// dispatcher. LibTorch's CUDA library must be loaded before. Without the plugin LibTorch's own
/// operators are used, and a warning says so. Returns whether it was loaded.
bool load_cuda_plugin(const std::vector<fs::path>& places = cuda_plugin_places());

/// A function that the loaded plugin exports; null without the plugin or the function.
void* cuda_plugin_symbol(const char* name);

}  // namespace expandft
