#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace expandft {

/// Random numbers that are the same on every platform, unlike std::shuffle and the distributions of
/// <random>. xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64.
class Random {
 public:
  /// The streams of one seed (for an epoch, for a purpose) are independent of each other.
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint64_t next();
  /// Uniform in [0, bound), without bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);

  /// Fisher-Yates.
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace expandft
