#pragma once

#include "run/finishing.h"
#include "run/train_setup.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

namespace expandft {

/// Whether the run's method has an adapter: what it adds, apart from the base. Methods that change
/// the base's own weights, or add layers, have a merged model only.
bool has_adapter(const TrainSetup& setup);

/// About how many bytes the merged model will take.
std::uint64_t outputs_bytes(const TrainSetup& setup);

/// Writes run/adapter, in the base's dtype; LoRA's in PEFT's format. Nothing without an adapter.
void write_run_adapter(const TrainSetup& setup, const std::string& fingerprint);

/// What was measured of a run after training.
struct RunResults {
  ComparisonReport comparison;
  Json strengths, samples;  // as in summary.json
};

/// Writes run/merged with its model card, checks it, and then report.html and summary.json, which
/// says that the run is finished. A signal ends it as `finishing` says.
void finish_run(const TrainSetup& setup, const TrainingOutcome& outcome, const RunResults& results,
                const Finishing& finishing);

}  // namespace expandft
