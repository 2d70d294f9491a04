#pragma once

#include "tasks/prompt_encoder.h"
#include "tasks/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// What the model computes together: requests of one example, which may share a prefix, or a
/// prompt.
struct TaskItem {
  std::size_t example = 0;
  std::vector<TokenRequest> requests;
  TokenPrompt prompt;  // if the model writes
};

/// A task in tokens and batches, ready for a model. It is the same for all models with the same
/// tokenizer and number of positions.
struct PreparedTask {
  TaskConfig task;
  Examples examples;  // null for perplexity
  std::vector<TaskItem> items;
  std::vector<std::vector<std::size_t>> batches;  // of items, the longest first
  std::vector<std::int64_t> batch_tokens;         // approximate number that each batch computes
  std::vector<ExampleOutput> blank;  // for each example: what is known before the model runs
  bool bos = false;                  // whether texts start with BOS
  std::int64_t max_positions = 0;    // of the model

  std::int64_t max_new_tokens() const;
  /// XXH3-128, in hexadecimal, of everything that outputs depend on except the model.
  std::string fingerprint() const;
};

inline constexpr std::int64_t kForwardTokens = 4096;

/// Reads and renders a task's data, encodes it and plans batches of at most `forward_tokens`
/// (unless one item has more). Input errors of check_task, load_examples and PromptEncoder; for
/// perplexity: blocks longer than the model reads, a text that cannot be read or has fewer than two
/// tokens.
PreparedTask prepare_task(const TaskConfig& task, const Tokenizer& tokenizer,
                          std::int64_t max_positions, std::int64_t forward_tokens = kForwardTokens);
/// prepare_task of each, in order.
std::vector<PreparedTask> prepare_tasks(const std::vector<TaskConfig>& tasks,
                                        const Tokenizer& tokenizer, std::int64_t max_positions);

/// Collects the outputs of all batches by example and computes the metrics.
TaskResult finish_task(const PreparedTask& prepared, const std::vector<BatchOutputs>& outputs);

}  // namespace expandft
