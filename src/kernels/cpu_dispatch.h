#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace expandft {

// How the CPU kernels are run: compiled for which instruction set, and by which threads.

/// The targets that the kernels are compiled for (src/CMakeLists.txt).
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

/// The best one that both the processor and this build support.
InstructionSet best_instruction_set();

/// Of the same kernel table compiled for each instruction set, the one for the best.
template <typename Kernels>
const Kernels& best_of([[maybe_unused]] const Kernels& avx512, [[maybe_unused]] const Kernels& avx2,
                       const Kernels& baseline) {
  switch (best_instruction_set()) {
    case InstructionSet::kAvx512:
      return avx512;
    case InstructionSet::kAvx2:
      return avx2;
    case InstructionSet::kBaseline:
      break;
  }
  return baseline;
}

/// Calls work() on at most `most` threads at once, this one among them: as many as LibTorch uses,
/// or this one alone within a parallel loop.
void on_threads(std::int64_t most, const std::function<void()>& work);

/// Calls visit(task) for task = 0 … tasks − 1, which must not depend on each other. Each thread
/// takes the next task when it has finished one, so a slow or interrupted thread delays nobody.
template <typename Visit>
void for_each_task(std::int64_t tasks, Visit visit) {
  std::atomic<std::int64_t> next = 0;
  on_threads(tasks, [&] {
    for (std::int64_t task = next++; task < tasks; task = next++) visit(task);
  });
}

/// Calls visit(begin, end) for chunks of the rows, from all threads.
template <typename Visit>
void for_rows(std::int64_t rows, std::int64_t columns, Visit visit) {
  constexpr std::int64_t kNumbers = 1 << 14;  // in a chunk: fewer are not worth a thread
  const std::int64_t chunk = std::max<std::int64_t>(1, kNumbers / columns);
  for_each_task((rows + chunk - 1) / chunk, [&](std::int64_t task) {
    visit(task * chunk, std::min(rows, (task + 1) * chunk));
  });
}

}  // namespace expandft
