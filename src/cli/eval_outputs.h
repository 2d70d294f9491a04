#pragma once

#include "cli/eval_plan.h"
#include "run/measure_models.h"

#include <vector>

namespace expandft {

/// Prints one model's results, and writes the files that options name.
void write_results(const EvalOptions& options, const EvalPlan& plan,
                   const std::vector<TaskResult>& results);

/// The same of a comparison.
void write_results(const EvalOptions& options, const EvalPlan& plan, const MeasuredPair& measured);

}  // namespace expandft
