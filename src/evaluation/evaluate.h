#pragma once

#include "model/decoder.h"
#include "runtime/rank_group.h"
#include "tasks/output_cache.h"
#include "tasks/task_work.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace expandft {

/// How far an evaluation is.
struct EvaluationProgress {
  std::int64_t done = 0, total = 0;    // examples, or windows of documents
  std::optional<double> seconds_left;  // once something was computed
};
using ProgressFn = std::function<void(const EvaluationProgress&)>;

struct EvaluationOptions {
  std::vector<TokenId> end_tokens;  // each ends what the model writes
  ProgressFn progress;
  OutputCache* cache = nullptr;  // of this work and model; may be null; rank 0's counts
  const RankGroup& group = RankGroup::alone();  // its ranks share the batches out
};

/// What a model makes of a task: batch by batch, those that the cache holds left out. The tokenizer
/// is the one that the work was prepared with. All ranks get the result. Failure, on all of them,
/// when a log-probability is not finite.
TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const TaskWork& work,
                    const EvaluationOptions& options = {});

/// The result of a cache that is complete: no model is asked.
TaskResult cached_result(const TaskWork& work, const OutputCache& cache);

}  // namespace expandft
