#pragma once

#include "run/prepared_run.h"
#include "training/trainer.h"

namespace expandft {

/// What summary.json says of the tasks, as it says it.
struct ReportResults {
  Json comparison;  // comparison_json's, or {}
  Json strengths, samples;
};

/// Writes run/report.html: pages/run_report.h.
void write_report(const PreparedRun& run, const TrainingOutcome& outcome,
                  const ReportResults& results);

/// The same of a run that is not finished, interrupted or about to be evaluated and merged: what
/// there is so far. A report that cannot be written is only warned of.
void write_unfinished_report(const PreparedRun& run, const TrainingOutcome& outcome);

}  // namespace expandft
