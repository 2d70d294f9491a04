#pragma once

#include "model/decoder.h"
#include "runtime/rank_group.h"
#include "tasks/output_cache.h"
#include "tasks/prepared_task.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace expandft {

/// The progress of an evaluation.
struct EvaluationProgress {
  std::int64_t done = 0, total = 0;    // examples, or windows of documents
  std::optional<double> seconds_left;  // known after the first batch
};
using ProgressFn = std::function<void(const EvaluationProgress&)>;

struct EvaluationOptions {
  std::vector<TokenId> end_tokens;  // each ends a text that the model writes
  ProgressFn progress;
  OutputCache* cache = nullptr;  // of this work and model; may be null; only rank 0's is used
  const RankGroup& group = RankGroup::alone();  // its ranks share out the batches
};

/// Evaluates a model on a task, batch by batch, except the batches that are in the cache. The
/// tokenizer must be the one that the work was prepared with. All ranks get the result. Failure, on
/// all ranks, when a log-probability is not finite.
TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const PreparedTask& work,
                    const EvaluationOptions& options = {});

/// The result from a complete cache, without a model.
TaskResult cached_result(const PreparedTask& work, const OutputCache& cache);

}  // namespace expandft
