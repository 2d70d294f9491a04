#pragma once

#include "config/task_config.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace expandft {

/// A block of a task's text: tokens scored together, from a fresh start.
struct BlockScore {
  double log_prob = 0;      // nats, summed over the tokens that have a prediction
  std::int64_t tokens = 0;  // how many these are: all but the block's first
};

/// What a model makes of a task. The definitions are in docs/evaluation.md.
struct TaskResult {
  TaskConfig task;
  std::vector<BlockScore> blocks;
  std::int64_t tokens = 0;  // predicted tokens of all blocks
  std::int64_t bytes = 0;   // of the text that these stand for
  bool bos = false;         // whether BOS stands before the text

  double loss() const;           // nats a predicted token
  double perplexity() const;     // exp(loss)
  double bits_per_byte() const;  // of the predicted tokens' text
};

/// Called with the number of blocks done, and of all.
using ProgressFn = std::function<void(std::int64_t done, std::int64_t total)>;

/// Input error, before any work, when a task is not of type "perplexity", has blocks longer than
/// the model's positions, or a text that cannot be read or has fewer than two tokens.
void check_tasks(const std::vector<TaskConfig>& tasks, const Tokenizer& tokenizer,
                 const DecoderSpec& spec);

/// Scores a perplexity task's text block by block. As many blocks as fit in `forward_tokens` are
/// computed at once. Input errors are check_tasks'; failure when a log-probability is not finite.
TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const TaskConfig& task,
                    const ProgressFn& progress = {}, std::int64_t forward_tokens = 4096);

}  // namespace expandft
