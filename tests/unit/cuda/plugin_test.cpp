#include "base/temp_directory.h"
#include "cuda/gpu.h"
#include "kernels/fused_ops.h"
#include "runtime/cuda_plugin.h"

#include <dlfcn.h>
#include <fstream>
#include <sstream>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

using testing::TempDirectory;

/// The log output of work().
template <typename Work>
std::string logged(Work work) {
  std::ostringstream text;
  const auto usual = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text)));
  spdlog::set_level(spdlog::level::debug);
  work();
  spdlog::set_default_logger(usual);
  return text.str();
}

TEST_CASE("the plugin is looked for beside the program and in the installed tree") {
  const std::vector<fs::path> places = cuda_plugin_places();
  REQUIRE(places.size() == 2);
  const fs::path program = fs::read_symlink("/proc/self/exe");
  CHECK(places[0] == program.parent_path() / "libexpandft_cuda.so");
  CHECK(places[1] ==
        program.parent_path().parent_path() / EXPANDFT_LIBRARY_FOLDER / "libexpandft_cuda.so");
}

TEST_CASE("without the plugin a warning says what is slower") {
  const TempDirectory folder;
  const fs::path none = folder.path() / "none.so", broken = folder.path() / "broken.so";
  std::ofstream(broken) << "no library";
  bool loaded = true;
  CHECK_THAT(logged([&] { loaded = load_cuda_plugin({none}); }),
             has_text("warning") && has_text(none.string()) && has_text("slower"));
  CHECK_FALSE(loaded);
  CHECK_THAT(logged([&] {
               loaded = load_cuda_plugin({none, broken});
             }),
             has_text("broken.so does not load") && has_text("slower"));
  CHECK_FALSE(loaded);
}

TEST_CASE("the plugin has a CUDA kernel for every fused operator") {
#if EXPANDFT_HAS_CUDA
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    WARN("not tried: LibTorch's CUDA library does not load: " << dlerror());
    return;
  }
  bool loaded = false;
  CHECK_THAT(logged([&] { loaded = load_cuda_plugin(); }), has_text("libexpandft_cuda.so"));
  REQUIRE(loaded);
  CHECK(operators_without_cuda().empty());
#else
  WARN("not tried: this build has no GPU plugin");
#endif
}

TEST_CASE("products in fp32 stay fp32 on a GPU", "[gpu]") {
  if (!gpu_is_there()) return;
  CHECK_FALSE(at::globalContext().allowTF32CuBLAS());
  CHECK_FALSE(at::globalContext().allowTF32CuDNN());
  at::manual_seed(1);
  const at::Tensor a = at::randn({64, 2048}), b = at::randn({2048, 64});
  const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
  const at::Tensor found = at::mm(a.to(at::kCUDA), b.to(at::kCUDA)).cpu().to(at::kDouble);
  CHECK((found - expected).abs().max().item<double>() < 1e-3);  // TF32 would be off by 0.05
}

}  // namespace
}  // namespace expandft
