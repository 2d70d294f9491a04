#pragma once

#include "base/error.h"
#include "base/files.h"

namespace expandft {

/// A run directory's file that says that training diverged. With it a run may be resumed under
/// other values of `kMayChangeAfterDivergence`.
fs::path divergence_file(const fs::path& run);
inline constexpr const char* kMayChangeAfterDivergence[] = {
    "training.learning_rate", "training.min_lr_ratio", "training.lr_scheduler", "training.warmup",
    "training.max_grad_norm"};

/// The error of a step that diverged, with what can be done. `snapshot` is the newest, and holds
/// good weights: those before the step (`is_before`), or older ones.
Error divergence(const Error& error, const fs::path& snapshot, bool is_before);

}  // namespace expandft
