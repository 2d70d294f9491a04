#include "training/lr_scheduler.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace expandft {

std::int64_t warmup_steps(const TrainingConfig& training, std::int64_t total_steps) {
  const double steps =
      training.warmup < 1 ? training.warmup * static_cast<double>(total_steps) : training.warmup;
  return std::min(static_cast<std::int64_t>(std::ceil(steps)), total_steps);
}

double learning_rate_at(const TrainingConfig& training, std::int64_t step,
                        std::int64_t total_steps) {
  const double peak = training.learning_rate, f = training.min_lr_ratio;
  const std::int64_t warmup = warmup_steps(training, total_steps);
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double x = static_cast<double>(step - warmup) /
                   static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup));
  switch (training.lr_scheduler) {
    case LrScheduler::kLinear:
      return peak * (1 - (1 - f) * x);
    case LrScheduler::kCosine:
      return peak * (f + (1 - f) * 0.5 * (1 + std::cos(std::numbers::pi * x)));
    case LrScheduler::kConstant:
      break;
  }
  return peak;
}

}  // namespace expandft
