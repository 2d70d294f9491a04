#pragma once

#include "model/decoder.h"
#include "tasks/output_cache.h"
#include "tasks/task_work.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace expandft {

/// Called with the number of examples' parts done, and of all.
using ProgressFn = std::function<void(std::int64_t done, std::int64_t total)>;

struct EvaluationOptions {
  std::vector<TokenId> end_tokens;  // each ends what the model writes
  ProgressFn progress;
  OutputCache* cache = nullptr;  // of this work and model; may be null
};

/// What a model makes of a task: batch by batch, those that the cache holds left out. The tokenizer
/// is the one that the work was prepared with. Failure when a log-probability is not finite.
TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const TaskWork& work,
                    const EvaluationOptions& options = {});

/// The result of a cache that is complete: no model is asked.
TaskResult cached_result(const TaskWork& work, const OutputCache& cache);

}  // namespace expandft
