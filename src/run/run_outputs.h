#pragma once

#include "base/json.h"
#include "run/prepared_run.h"
#include "run/stages_after_training.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <cstdint>
#include <string>

namespace expandft {

/// What was measured on a run after training.
struct RunResults {
  ComparisonReport comparison;
  Json strengths = Json::array(), samples = {};  // as in summary.json

  /// As in summary.json; {} without tasks.
  Json evaluation() const;
};

/// About how many bytes the merged model will take.
std::uint64_t merged_model_bytes(const RunConfig& run, const RunBase& base, const RunModel& model);
/// How many bytes a run writes at most: adapter, merged model and snapshots.
std::uint64_t bytes_to_write(const PreparedRun& run);

/// Writes run/adapter, in the base's dtype; LoRA's in PEFT's format. `fingerprint` is the base's.
/// Only for a model that has one (RunModel::has_adapter).
void write_run_adapter(const RunConfig& run, const RunBase& base, const RunModel& model,
                       const std::string& fingerprint);

/// Writes run/merged at the run's strength, with its model card, or run/merged.gguf, and checks it
/// before it appears,
/// then report.html, and last summary.json, which marks the run as finished.
void write_run_outputs(const PreparedRun& run, const TrainingOutcome& outcome,
                       const RunResults& results, const StagesAfterTraining& stages);

}  // namespace expandft
