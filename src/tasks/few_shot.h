#pragma once

#include "config/task_config.h"
#include "tasks/task_renderer.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace expandft {

/// Python's random.Random (CPython 3.8 and later), with which lm-evaluation-harness draws its
/// few-shot examples: MT19937 (Matsumoto and Nishimura 1998). Each draw advances the generator.
class HarnessRandom {
 public:
  /// random.Random(seed): the reference implementation's init_by_array of the seed's 32-bit words.
  explicit HarnessRandom(std::uint64_t seed);

  /// random.sample: `count` different indices below `size`, in the order drawn. Input error if
  /// `count` is larger.
  std::vector<std::size_t> sample(std::size_t size, std::size_t count);

 private:
  std::uint64_t below(std::uint64_t bound);  // bound > 0

  std::mt19937 engine_;
};

/// Solved examples to put before prompts, chosen as lm-evaluation-harness 0.4 does.
class FewShot {
 public:
  /// Reads the few-shot rows, if the task has any. Input errors as in load_examples.
  FewShot(const TaskConfig& task, const std::vector<TaskRenderer>& forms);

  /// The solved examples before the prompt of `row`, each with the delimiter after it; "" without
  /// few-shot. Call it for the evaluated rows in their order: each call draws.
  std::string before(const Json& row);

 private:
  struct Solved {
    Json row;
    std::string text;
  };
  std::vector<std::size_t> draw(const Json& row);
  std::vector<std::size_t> draw_without(const Json& row);
  [[noreturn]] void refuse(std::size_t found, std::size_t needed) const;

  const TaskConfig& task_;
  std::vector<Solved> examples_;
  std::size_t count_;
  bool same_file_ = false;  // as the evaluated rows: a row is not an example for itself
  HarnessRandom random_;
};

}  // namespace expandft
