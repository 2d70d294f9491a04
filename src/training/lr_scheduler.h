#pragma once

#include "config/run_config.h"

#include <cstdint>

namespace expandft {

/// Warm-up in steps. `training.warmup` is a share of all steps (below 1; rounded up) or a number of
/// steps.
std::int64_t warmup_steps(const TrainingConfig& training, std::int64_t total_steps);

/// The learning rate of step 0 … total−1. During warm-up: peak·(step + 1)/warmup. Then, with
/// x = (step − warmup)/(total − warmup) and f = min_lr_ratio: constant: peak; linear:
/// peak·(1 − (1 − f)·x); cosine: peak·(f + (1 − f)·(1 + cos πx)/2) (arXiv 1608.03983, one cycle).
double learning_rate_at(const TrainingConfig& training, std::int64_t step,
                        std::int64_t total_steps);

}  // namespace expandft
