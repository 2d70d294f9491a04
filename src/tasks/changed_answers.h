#pragma once

#include "tasks/comparison.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace expandft {

/// The examples of a task that base and tuned model answer differently, in the data's order.
struct ChangedAnswers {
  std::vector<std::size_t> lost;    // right before and wrong now
  std::vector<std::size_t> gained;  // wrong before and right now
  std::vector<std::size_t> others;  // changed, but right or wrong as before

  std::size_t count() const { return lost.size() + gained.size() + others.size(); }
};

/// Compares two results of the same task, of any type with answers. A continuation that is judged
/// by its likelihood is right if greedy decoding would write it.
ChangedAnswers changed_answers(const TaskResult& base, const TaskResult& tuned);

/// A document or block whose loss rose.
struct RisenLoss {
  std::size_t example = 0;
  std::int64_t tokens = 0;
  double base = 0, tuned = 0;  // nats per token
};

/// At most `most`, sorted by rise, largest first. A loss that is NaN counts as infinite.
std::vector<RisenLoss> risen_losses(const TaskResult& base, const TaskResult& tuned,
                                    std::size_t most);

}  // namespace expandft
