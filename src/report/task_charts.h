#pragma once

#include "base/json.h"
#include "report/chart.h"

#include <optional>
#include <vector>

namespace expandft {

// Charts of the losses of tasks. Each task keeps its colour and shape in all of them; original
// tasks have solid lines and filled marks, new tasks dashed lines and hollow marks. Malformed
// tasks are left out, and losses that are no numbers are gaps.

/// Over the steps, from "evaluation" events of metrics.jsonl: the change of each task's loss
/// against step 0 (nats a token); and where a task was measured at three steps or more, those of
/// the original tasks again, on a scale of their own (their losses where none has a step 0), and
/// the losses of the new tasks.
std::vector<Chart> task_charts(const std::vector<Json>& events);

/// Over the strength, from a run's "strengths" ([{"strength", "tasks": [{"task", "original",
/// "loss"}]}]): the change of each task's loss against strength 0 (the losses where no task has one
/// there); and with tasks of both kinds the mean loss of new tasks against that of original ones.
/// `own`, the strength of the run's merged model, is marked. None below two strengths.
std::vector<Chart> strength_charts(const Json& strengths, std::optional<double> own);

}  // namespace expandft
