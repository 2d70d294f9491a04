#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <optional>
#include <vector>

namespace expandft {

/// Charts of the losses of tasks over the strength, from a run's "strengths" ([{"strength",
/// "tasks": [{"task", "original", "loss"}]}]): the change of each task's loss against strength 0
/// (the losses where no task has one there); and with tasks of both kinds the mean loss of new
/// tasks against that of original ones. Tasks of whose metric more is better have their scores
/// besides. `own`, the strength of the run's merged model, is marked.
/// None below two strengths.
std::vector<Chart> strength_charts(const Json& strengths, std::optional<double> own);

}  // namespace expandft
