#pragma once

namespace expandft {

/// What the kernels of ours are compiled for (src/CMakeLists.txt).
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

/// The best one that the processor and this build have.
InstructionSet best_instruction_set();

/// Of one kernel table for each instruction set, the best one's.
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

}  // namespace expandft
