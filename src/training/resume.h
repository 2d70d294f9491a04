#pragma once

#include "training/divergence.h"
#include "training/snapshot.h"

namespace expandft {

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
ResumedRun resume_run(const fs::path& run, const NamedTensors& parameters, AdamW& optimizer,
                      BatchStream& stream, const TrainingConfig& training, const Json& identity);

}  // namespace expandft
