#pragma once

#include "run/train_setup.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <string>

namespace expandft {

/// What `train` prints at its end, below the table of tasks: steps, losses, what was not measured,
/// and where the outputs are.
std::string outcome_text(const TrainSetup& setup, const TrainingOutcome& outcome,
                         const ComparisonReport& comparison);

/// Of a run that --resume finds finished: what it was, and what can be done.
std::string finished_text(const RunConfig& run);

}  // namespace expandft
