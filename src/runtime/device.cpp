#include "runtime/device.h"

#include "base/error.h"
#include "runtime/cuda_plugin.h"

#include <charconv>
#include <dlfcn.h>

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

namespace expandft {
namespace {

/// Loads LibTorch's CUDA library, which must happen before any CUDA query. Returns the loader's
/// message when that fails, else "".
std::string load_cuda() {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) return {};
  const char* message = dlerror();
  return message != nullptr ? message : "unknown reason";
}

/// Loads expandft's kernels and sets the precision of LibTorch's.
at::Device ready_gpu(std::int64_t index) {
  load_cuda_plugin();
  // Products in fp32 are computed in fp32 rather than TF32 (10 bits of mantissa), whatever the
  // default and the environment say. For speed there is bf16.
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

at::Device cuda_device(std::int64_t index) {
  const std::string message = load_cuda();
  if (!message.empty()) {
    throw input_error("no GPU can be used: LibTorch's CUDA library does not load", message,
                      "install torch with its CUDA dependencies, or use --device cpu");
  }
  const std::int64_t count =
      at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
  if (index >= count) {
    throw input_error("GPU " + std::to_string(index) + " was requested; " + std::to_string(count) +
                          " can be seen",
                      "--device", "see nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu");
  }
  return ready_gpu(index);
}

/// Whether there is a driver. Cheap, because it does not load LibTorch's CUDA library.
bool driver_is_there() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return false;
  dlclose(driver);
  return true;
}

}  // namespace

at::Device select_device(const std::string& name, int gpu) {
  if (name == "cpu") return at::kCPU;
  if (name == "cuda") return cuda_device(gpu);
  if (name == "auto") {
    if (!driver_is_there() || !load_cuda().empty()) return at::kCPU;
    return at::globalContext().hasCUDA() && at::detail::getCUDAHooks().getNumGPUs() > 0
               ? cuda_device(gpu)
               : at::Device(at::kCPU);
  }
  int index = -1;
  if (name.starts_with("cuda:")) {
    const char* end = name.data() + name.size();
    const auto [last, error] = std::from_chars(name.data() + 5, end, index);
    if (error != std::errc() || last != end) index = -1;
  }
  if (index < 0) {
    throw input_error("\"" + name + "\" is not a device; expected auto, cpu, cuda or cuda:N",
                      "--device");
  }
  return cuda_device(index);
}

at::ScalarType compute_dtype(Precision precision, at::Device device) {
  switch (precision) {
    case Precision::kFloat32:
      return at::kFloat;
    case Precision::kBFloat16:
      return at::kBFloat16;
    case Precision::kFloat16:
      return at::kHalf;
    case Precision::kAuto:
      break;
  }
  return device.is_cpu() ? at::kFloat : at::kBFloat16;
}

std::string device_name(at::Device device) {
  if (device.is_cpu())
    return "CPU, " + std::to_string(at::get_num_threads()) +
           (at::get_num_threads() == 1 ? " thread" : " threads");
  return device.str();
}

}  // namespace expandft
