#pragma once

#include "cli/train_setup.h"
#include "evaluation/report.h"
#include "training/trainer.h"

namespace expandft {

/// Writes run/adapter: the copies, rounded to the base's dtype.
void write_run_adapter(const TrainSetup& setup, const std::string& fingerprint);

/// The config's tasks: the original ones, then the new ones.
std::vector<TaskConfig> run_tasks(const RunConfig& run);

/// Evaluates the config's tasks on the base (strength 0 of the model in memory) and on the tuned
/// model at the config's strength.
ComparisonReport evaluate_run(TrainSetup& setup, bool quiet);

/// Writes run/merged with its model card, checks it, and then report.html and summary.json, which
/// says that the run is finished.
void finish_run(const TrainSetup& setup, const TrainingOutcome& outcome,
                const ComparisonReport& results);

}  // namespace expandft
