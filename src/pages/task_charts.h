#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <vector>

namespace expandft {

/// Charts of the losses of tasks over the steps, from "evaluation" events of metrics.jsonl: the
/// change of each task's loss against step 0 (nats a token); and where a task was measured at three
/// steps or more, those of the original tasks again, on a scale of their own (their losses where
/// none has a step 0), and the losses of the new tasks. Tasks of whose metric more is better have
/// their scores besides.
std::vector<Chart> task_charts(const std::vector<Json>& events);

}  // namespace expandft
