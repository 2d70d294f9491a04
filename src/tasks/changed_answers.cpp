#include "tasks/changed_answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace expandft {
namespace {

enum class Change { kNone, kLost, kGained, kOther };

/// By the judged metric, else by greedy decoding. Generated texts may have neither.
bool is_right(const TaskResult& result, std::size_t i) {
  if (!result.right.empty()) return result.right[i] != 0;
  return result.task.type == TaskType::kContinuation &&
         result.outputs[i].likelihoods.front().greedy;
}

Change change_of(const TaskResult& base, const TaskResult& tuned, std::size_t i) {
  const bool before = is_right(base, i), now = is_right(tuned, i);
  if (before != now) return before ? Change::kLost : Change::kGained;
  if (base.task.type == TaskType::kContinuation) return Change::kNone;
  return is_answer_changed(base, tuned, i) ? Change::kOther : Change::kNone;
}

RisenLoss losses_of(const TaskResult& base, const TaskResult& tuned, std::size_t i) {
  const std::int64_t tokens = base.outputs[i].tokens();
  const auto loss = [&](const TaskResult& result) {
    return -result.outputs[i].log_prob() / static_cast<double>(tokens);
  };
  return {.example = i, .tokens = tokens, .base = loss(base), .tuned = loss(tuned)};
}

double rise_of(const RisenLoss& loss) {
  const double rise = loss.tuned - loss.base;
  return std::isnan(rise) ? std::numeric_limits<double>::infinity() : rise;
}

}  // namespace

ChangedAnswers changed_answers(const TaskResult& base, const TaskResult& tuned) {
  ChangedAnswers out;
  for (std::size_t i = 0; i < base.outputs.size(); ++i) {
    switch (change_of(base, tuned, i)) {
      case Change::kLost:
        out.lost.push_back(i);
        break;
      case Change::kGained:
        out.gained.push_back(i);
        break;
      case Change::kOther:
        out.others.push_back(i);
        break;
      case Change::kNone:
        break;
    }
  }
  return out;
}

std::vector<RisenLoss> risen_losses(const TaskResult& base, const TaskResult& tuned,
                                    std::size_t most) {
  std::vector<RisenLoss> out;
  for (std::size_t i = 0; i < base.outputs.size(); ++i) {
    const RisenLoss loss = losses_of(base, tuned, i);
    if (loss.tokens > 0 && rise_of(loss) > 0) out.push_back(loss);
  }
  std::ranges::stable_sort(out, std::ranges::greater{}, rise_of);
  if (out.size() > most) out.resize(most);
  return out;
}

}  // namespace expandft
