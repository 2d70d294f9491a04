#pragma once

#include "cli/eval_plan.h"
#include "tasks/comparison.h"

#include <vector>

namespace expandft {

/// Prints one model's results, and writes the files that were asked for.
void write_results(const EvalOptions& options, const EvalPlan& plan,
                   const std::vector<TaskResult>& results);

/// The same of a comparison. `base` and `tuned` hold the original tasks first.
void write_results(const EvalOptions& options, const EvalPlan& plan, const ComparisonReport& report,
                   const std::vector<TaskResult>& base, const std::vector<TaskResult>& tuned);

}  // namespace expandft
