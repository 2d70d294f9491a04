#include "runtime/cuda_plugin.h"

#include <dlfcn.h>
#include <string>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr const char* kPlugin = "libexpandft_cuda.so";
constexpr const char* kSlower =
    "norms, rotary embedding, gated activations and the loss run as several of LibTorch's kernels "
    "each, which is slower";

}  // namespace

std::vector<fs::path> cuda_plugin_places() {
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  return {folder / kPlugin, (folder / EXPANDFT_LIBRARIES / kPlugin).lexically_normal()};
}

bool load_cuda_plugin(const std::vector<fs::path>& places) {
  std::string searched;
  for (const fs::path& place : places) {
    if (!fs::exists(place)) {
      searched += (searched.empty() ? "" : ", ") + place.string();
      continue;
    }
    if (dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) {
      spdlog::debug("GPU kernels: {}", place.string());
      return true;
    }
    const char* message = dlerror();
    spdlog::warn("{} does not load ({}): {}", place.string(),
                 message != nullptr ? message : "unknown reason", kSlower);
    return false;
  }
  spdlog::warn("expandft's GPU kernels were not found ({}): {}", searched, kSlower);
  return false;
}

void* cuda_plugin_symbol(const char* name) {
  for (const fs::path& place : cuda_plugin_places()) {
    void* const plugin = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (plugin == nullptr) continue;
    void* const symbol = dlsym(plugin, name);
    dlclose(plugin);  // only drops this reference: the plugin stays loaded
    return symbol;
  }
  return nullptr;
}

}  // namespace expandft
