#pragma once

#include <cstdint>

namespace expandft::jinja {

/// What one rendering may use. Templates come from strangers; the longest published ones stay a
/// thousand times below these limits.
struct Limits {
  std::int64_t steps = 50'000'000;               // nodes evaluated and elements visited
  std::int64_t bytes = std::int64_t{512} << 20;  // of texts and lists made, all together
  std::int64_t output = std::int64_t{64} << 20;  // bytes
  int levels = 1500;  // of nodes evaluated within nodes, through macros that call macros
};

/// Levels of syntax within syntax, and of lists within lists.
inline constexpr int kMostLevels = 200;

}  // namespace expandft::jinja
