#pragma once

#include "model/decoder.h"
#include "tasks/prepared_task.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A base model's predictions for the tokens of some tasks' texts, kept as its last hidden states
/// and its head, so that the tuned model can be compared with it after the base was freed.
class BaseStates {
 public:
  /// Uses the first texts of each task, up to `tokens` tokens: blocks and documents, prompts with
  /// the right answer, and prompts alone where the model writes.
  BaseStates(const Decoder& base, const std::vector<PreparedTask>& works,
             std::int64_t tokens = 4096);

  /// The mean of KL(base ‖ tuned) over the tokens of each task, in order (nats per token).
  std::vector<double> divergences(const Decoder& tuned) const;

 private:
  struct Part {
    TokenBatch tokens;
    at::Tensor hidden;  // (N, h), on the CPU
  };
  std::vector<std::vector<Part>> tasks_;
  at::Tensor head_;  // (V, h)
  std::optional<double> softcap_;
};

}  // namespace expandft
