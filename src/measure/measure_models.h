#pragma once

#include "config/task_config.h"
#include "evaluation/evaluate.h"
#include "measure/layer_dial.h"
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

/// The strengths of the source's adapter that find_layer_strengths finds on a run's data: the loss
/// on rows of its validation data (without any, of its training data), the divergence on its
/// retention text, about 8192 tokens of each. Errors as open_run_base, load_run_data and
/// find_layer_strengths.
LayerDial dial_layers(const ModelSource& source, RunConfig run, double weight,
                      const ProcessOptions& options);

/// The largest factor of the strengths `dial` at which the tasks keep their budgets
/// (find_strength); 0 where only the base does.
StrengthSearch search_strength(const ModelSource& source, const Strength& dial,
                               const std::vector<TaskConfig>& tasks, const DropBudgets& budgets,
                               const std::optional<fs::path>& cache, const ProcessOptions& options);

}  // namespace expandft
