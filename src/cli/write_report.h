#pragma once

#include "cli/train_setup.h"
#include "training/trainer.h"

namespace expandft {

/// What summary.json says of the tasks, as it says it.
struct ReportResults {
  Json comparison;  // comparison_json's, or {}
  Json strengths, samples;
};

/// Writes run/report.html: report/run_report.h.
void write_report(const TrainSetup& setup, const TrainingOutcome& outcome,
                  const ReportResults& results);

}  // namespace expandft
