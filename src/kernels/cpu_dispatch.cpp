#include "kernels/cpu_dispatch.h"

#include "kernels/simd/decode_kernels.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

namespace expandft {

InstructionSet best_instruction_set() {
#if defined(EXPANDFT_X86_KERNELS)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    return InstructionSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kBaseline;
}

// This file is compiled with OpenMP (src/CMakeLists.txt): without it, at::parallel_for is a loop of
// one thread, because all of it is in ATen's headers.
#if AT_PARALLEL_OPENMP && defined(__GNUC__) && !defined(__clang__) && !defined(_OPENMP)
#error "kernels/cpu_dispatch.cpp must be compiled with -fopenmp"
#endif

void on_threads(std::int64_t most, const std::function<void()>& work) {
  const std::int64_t workers = std::min<std::int64_t>(most, at::get_num_threads());
#if defined(__SANITIZE_THREAD__)
  // The thread sanitizer does not see how OpenMP's threads wait for each other.
  std::vector<std::thread> others;
  for (std::int64_t i = 1; i < workers; ++i) others.emplace_back(work);
  if (workers > 0) work();
  for (std::thread& other : others) other.join();
#else
  at::parallel_for(0, workers, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t worker = first; worker < last; ++worker) work();
  });
#endif
}

const DecodeKernels& decode_kernels() {
#if defined(EXPANDFT_X86_KERNELS)
  static const DecodeKernels& best = best_of(kAvx512Decode, kAvx2Decode, kBaselineDecode);
  return best;
#else
  return kBaselineDecode;
#endif
}

}  // namespace expandft
