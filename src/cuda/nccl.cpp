// Creates NCCL process groups for the program, which neither links LibTorch's CUDA libraries nor
// includes NCCL's header.
#include <chrono>
#include <cstdint>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

/// Returns a c10d backend that the caller owns. runtime/collectives.cpp looks this function up by
/// name. Throws what LibTorch throws.
extern "C" __attribute__((visibility("default"))) c10d::Backend* expandft_make_nccl(
    c10d::Store* store, int rank, int count, std::int64_t timeout_ms) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::milliseconds(timeout_ms);
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(
             c10::intrusive_ptr<c10d::Store>::reclaim_copy(store), rank, count, std::move(options))
      .release();
}
