#pragma once

#include "tasks/prompt_encoder.h"
#include "tasks/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// Something that is computed as one: the requests of an example, which may begin alike, or a
/// prompt.
struct WorkItem {
  std::size_t example = 0;
  std::vector<TokenRequest> requests;
  TokenPrompt prompt;  // where the model writes
};

/// A task as a model takes it: tokens, and what is computed together. The same for all models with
/// one tokenizer and as many positions.
struct TaskWork {
  TaskConfig task;
  Examples examples;  // null for perplexity
  std::vector<WorkItem> items;
  std::vector<std::vector<std::size_t>> batches;  // of items, the longest first
  std::vector<std::int64_t> batch_tokens;         // what each has to compute, about
  std::vector<ExampleOutput> blank;  // for each example: what is known before the model is asked
  bool bos = false;
  std::int64_t max_positions = 0;  // that a model has

  std::int64_t max_new_tokens() const;
  /// XXH3-128 over all that the outputs depend on but the model, as hexadecimal digits.
  std::string fingerprint() const;
};

/// What a model made of an item, of a batch's in order.
using BatchOutputs = std::vector<ExampleOutput>;

inline constexpr std::int64_t kForwardTokens = 4096;

/// Reads a task's data, renders it, cuts it into tokens and plans the batches, of at most
/// `forward_tokens` where an item has no more. Input errors of load_examples and PromptEncoder; for
/// perplexity: blocks longer than the model reads, and a text of less than two tokens.
TaskWork prepare_task(const TaskConfig& task, const Tokenizer& tokenizer,
                      std::int64_t max_positions, std::int64_t forward_tokens = kForwardTokens);
/// prepare_task of each, in order.
std::vector<TaskWork> prepare_tasks(const std::vector<TaskConfig>& tasks,
                                    const Tokenizer& tokenizer, std::int64_t max_positions);

/// Puts the outputs of all batches together, by example, and computes the metrics.
TaskResult finish_task(const TaskWork& work, const std::vector<BatchOutputs>& outputs);

}  // namespace expandft
