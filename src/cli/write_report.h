#pragma once

#include "cli/train_setup.h"
#include "training/trainer.h"

namespace expandft {

/// Writes run/report.html: report/run_report.h. `comparison` is comparison_json's, or {}.
void write_report(const TrainSetup& setup, const TrainingOutcome& outcome, const Json& comparison);

}  // namespace expandft
