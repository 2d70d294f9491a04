#pragma once

#include "config/run_config.h"
#include "run/train_run.h"

#include <string>

namespace expandft {

/// What `train` prints at its end: the table of tasks, steps, losses, what was not measured, and
/// where the outputs are.
std::string outcome_text(const RunConfig& run, const RunResult& result);

/// Of a run that --resume finds finished: what it was, and what can be done.
std::string finished_text(const RunConfig& run);

}  // namespace expandft
