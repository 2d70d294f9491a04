#pragma once

#include "tasks/comparison.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace expandft {

/// The examples of a task that base and tuned model answer differently, in the data's order.
struct ChangedAnswers {
  std::vector<std::size_t> lost;    // right before and wrong now
  std::vector<std::size_t> gained;  // the other way round
  std::vector<std::size_t> others;  // another answer, which is as right or as wrong

  std::size_t count() const { return lost.size() + gained.size() + others.size(); }
};

/// Of two results of the same task, where models choose, go on, or write. A continuation that is
/// judged by its likelihood is right when greedy decoding would write it.
ChangedAnswers changed_answers(const TaskResult& base, const TaskResult& tuned);

/// A document or block whose loss rose.
struct RisenLoss {
  std::size_t example = 0;
  std::int64_t tokens = 0;
  double base = 0, tuned = 0;  // nats a token
};

/// At most so many, those that rose most first; a loss that is no number counts as infinite.
std::vector<RisenLoss> risen_losses(const TaskResult& base, const TaskResult& tuned,
                                    std::size_t most);

}  // namespace expandft
