#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace expandft {

/// Python's random.Random (CPython 3.8 on), with which lm-evaluation-harness draws its few-shot
/// examples: MT19937 (Matsumoto and Nishimura 1998). Each draw goes on from where the one before
/// ended.
class HarnessRandom {
 public:
  /// random.Random(seed): the reference implementation's init_by_array of the seed's 32-bit words.
  explicit HarnessRandom(std::uint64_t seed);

  /// random.sample of `count` of `size` things: their indices, all different, in the order drawn.
  /// Input error when there are too few.
  std::vector<std::size_t> sample(std::size_t size, std::size_t count);

 private:
  std::uint64_t below(std::uint64_t bound);  // bound > 0

  std::mt19937 engine_;
};

}  // namespace expandft
