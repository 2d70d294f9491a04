#pragma once

#include "cli/train_setup.h"
#include "evaluation/report.h"
#include "training/trainer.h"

namespace expandft {

/// Writes run/adapter: the copies, rounded to the base's dtype.
void write_run_adapter(const TrainSetup& setup, const std::string& fingerprint);

/// What was measured of a run after training.
struct RunResults {
  ComparisonReport comparison;
  Json strengths, samples;  // as in summary.json
};

/// Writes run/merged with its model card, checks it, and then report.html and summary.json, which
/// says that the run is finished.
void finish_run(const TrainSetup& setup, const TrainingOutcome& outcome, const RunResults& results);

}  // namespace expandft
