#include "tasks/harness_random.h"

#include "base/error.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <string>
#include <unordered_set>

namespace expandft {
namespace {

// Fills an engine's state as init_by_array of the reference implementation (mt19937ar.c, 2002),
// which differs from how <random> seeds.
class ArraySeed {
 public:
  using result_type = std::uint32_t;

  explicit ArraySeed(std::uint64_t seed) : key_{static_cast<std::uint32_t>(seed)} {
    if (seed >> 32 != 0) key_.push_back(static_cast<std::uint32_t>(seed >> 32));
  }

  template <typename Iterator>
  void generate(Iterator begin, Iterator end) const {
    const auto size = static_cast<std::uint32_t>(end - begin);
    std::vector<std::uint32_t> state(size);
    state[0] = 19650218;
    for (std::uint32_t i = 1; i < size; ++i) state[i] = 1812433253 * mixed(state[i - 1]) + i;
    std::uint32_t at = 1;
    const auto advance = [&] {
      if (++at < size) return;
      state[0] = state[size - 1];
      at = 1;
    };
    for (std::uint32_t k = 0; k < size; ++k, advance()) {
      const std::uint32_t word = k % static_cast<std::uint32_t>(key_.size());
      state[at] = (state[at] ^ mixed(state[at - 1]) * 1664525) + key_[word] + word;
    }
    for (std::uint32_t k = 1; k < size; ++k, advance()) {
      state[at] = (state[at] ^ mixed(state[at - 1]) * 1566083941) - at;
    }
    state[0] = 0x80000000;
    std::copy(state.begin(), state.end(), begin);
  }

 private:
  static std::uint32_t mixed(std::uint32_t word) { return word ^ word >> 30; }

  std::vector<std::uint32_t> key_;  // shorter than the state
};

}  // namespace

HarnessRandom::HarnessRandom(std::uint64_t seed) {
  ArraySeed words(seed);
  engine_.seed(words);
}

// As many random bits as the bound has, drawn anew until they are below it.
std::uint64_t HarnessRandom::below(std::uint64_t bound) {
  const auto bits = static_cast<unsigned>(std::bit_width(bound));
  const auto word = [&](unsigned wanted) {
    return static_cast<std::uint64_t>(engine_()) >> (32 - wanted);
  };
  while (true) {
    std::uint64_t drawn = word(std::min(bits, 32U));
    if (bits > 32) drawn |= word(bits - 32) << 32;
    if (drawn < bound) return drawn;
  }
}

std::vector<std::size_t> HarnessRandom::sample(std::size_t size, std::size_t count) {
  if (count > size) {
    throw input_error("cannot draw " + std::to_string(count) + " different examples from " +
                      std::to_string(size));
  }
  // Python keeps a list of what is left where that takes less room than a set of what is drawn.
  std::size_t room_of_set = 21;
  if (count > 5) {
    std::size_t table = 1;
    while (table < 3 * count) table *= 4;
    room_of_set += table;
  }
  std::vector<std::size_t> drawn;
  if (size <= room_of_set) {
    std::vector<std::size_t> left(size);
    std::iota(left.begin(), left.end(), std::size_t{0});
    for (; drawn.size() < count; left.pop_back()) {
      std::size_t& place = left[below(left.size())];
      drawn.push_back(place);
      place = left.back();
    }
    return drawn;
  }
  std::unordered_set<std::size_t> known;
  while (drawn.size() < count) {
    const std::size_t index = below(size);
    if (known.insert(index).second) drawn.push_back(index);
  }
  return drawn;
}

}  // namespace expandft
