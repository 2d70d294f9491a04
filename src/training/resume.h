#pragma once

#include "training/snapshot.h"

namespace expandft {

/// A run directory's file that says that training diverged. With it a run may be resumed at another
/// learning rate: `kMayChangeAfterDivergence`.
fs::path divergence_file(const fs::path& run);
inline constexpr const char* kMayChangeAfterDivergence[] = {
    "training.learning_rate", "training.final_learning_rate", "training.schedule",
    "training.warmup", "training.clip_norm"};

/// Where a resumed run stands, and how many steps it takes in all under its present config.
struct ResumedRun {
  TrainingState state;
  std::int64_t total_steps = 0;
};

/// Takes a run up from its newest snapshot that is whole: weights, moments, and the place in the
/// data. Damaged ones are passed over with a warning that says why, and set aside under another
/// name. A new number of steps is told in a warning. Input errors, which leave everything as it is:
/// no snapshot is whole; it was made under another `identity` (all that differs is listed); the
/// config asks for fewer steps than are done.
ResumedRun resume_run(const fs::path& run, const CopyTensors& copies, AdamW& optimizer,
                      BatchStream& stream, const TrainingConfig& training, const Json& identity);

}  // namespace expandft
