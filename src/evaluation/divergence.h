#pragma once

#include "model/decoder.h"
#include "tasks/task_work.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// What a base model says of the tokens of some tasks' texts, kept so that another model can be
/// held against it when the base is gone: its last hidden states, and its head.
class BaseStates {
 public:
  /// Of each task the first texts, up to `tokens` tokens: blocks and documents, prompts with the
  /// answer that is right, and prompts alone where the model writes.
  BaseStates(const Decoder& base, const std::vector<TaskWork>& works, std::int64_t tokens = 4096);

  /// Mean over the tokens of KL(base ‖ tuned), nats, for each task in order.
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
