#pragma once

#include "config/task_config.h"
#include "evaluation/evaluate.h"
#include "run/open_model.h"
#include "tasks/comparison.h"
#include "tasks/strength_search.h"

#include <optional>
#include <vector>

namespace expandft {

// Models measured on tasks, as `eval` and `merge --max-drop` do. `cache`, where given, is a folder:
// outputs found there are not computed again, and new ones are kept there. The ranks of a group
// share the work; results are those of the first rank, and the others' may be empty.

/// One model on its own.
std::vector<TaskResult> measure_model(const ModelSource& source,
                                      const std::vector<TaskConfig>& tasks,
                                      const std::optional<fs::path>& cache,
                                      const ProcessOptions& options, const RankGroup& group);

/// A tuned model and its base on the same tasks.
struct MeasuredPair {
  std::vector<TaskResult> base, tuned;  // the original tasks first
  ComparisonReport report;  // of originals with KL divergences, where both vocabularies are alike
};
/// One model is in memory at a time. Input error when the tokenizers differ. Budgets that are
/// exceeded are no error here: budget_error (tasks/comparison.h) tells.
MeasuredPair compare_models(const ModelSource& base, const ModelSource& tuned,
                            const std::vector<TaskConfig>& originals,
                            const std::vector<TaskConfig>& news, const DropBudgets& budgets,
                            const std::optional<fs::path>& cache, const ProcessOptions& options,
                            const RankGroup& group);

/// The largest strength of the source's adapter at which the tasks keep their budgets
/// (find_strength); 0 where only the base does.
StrengthSearch search_strength(const ModelSource& source, const std::vector<TaskConfig>& tasks,
                               const DropBudgets& budgets, const std::optional<fs::path>& cache,
                               const ProcessOptions& options);

}  // namespace expandft
