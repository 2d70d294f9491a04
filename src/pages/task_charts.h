#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <optional>
#include <vector>

namespace expandft {

// Charts of tasks, from JSON objects with {"tasks": [{"task", "original", "loss", "metric",
// "value", "higher_is_better"}]}. Entries that do not have this form are skipped; a loss or value
// that is not a number is a gap. Tasks whose metric is better when higher also have charts of their
// scores, those up to 1 and those up to 100 apart. A task has the same colour and mark in all
// charts.

/// Over the steps, from the "evaluation" events of metrics.jsonl: the change of each task's loss
/// since step 0. Where a task was measured at three steps or more, also the original tasks on a
/// scale of their own (their losses if none was measured at step 0) and the losses of new tasks.
std::vector<Chart> task_charts(const std::vector<Json>& events);

/// Over the strength, from the "strengths" of summary.json: the change of each task's loss from
/// strength 0 (the losses if no task was measured there), and with tasks of both kinds the mean
/// loss of the new ones against that of the original ones. `own`, the strength of the run's merged
/// model, is marked. Empty with fewer than two strengths.
std::vector<Chart> strength_charts(const Json& strengths, std::optional<double> own);

}  // namespace expandft
