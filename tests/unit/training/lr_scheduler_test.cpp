#include "training/lr_scheduler.h"

#include "catch.h"

namespace expandft {
namespace {

TrainingConfig config_of(LrScheduler schedule, double warmup, double final_share) {
  TrainingConfig training;
  training.learning_rate = 2e-3;
  training.lr_scheduler = schedule;
  training.warmup = warmup;
  training.min_lr_ratio = final_share;
  return training;
}

TEST_CASE("warm-up is a share below 1, rounded up, and steps from 1 on") {
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 0.03, 0), 100) == 3);
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 0.03, 0), 10) == 1);
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 0, 0), 10) == 0);
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 1, 0), 10) == 1);
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 4, 0), 10) == 4);
  CHECK(warmup_steps(config_of(LrScheduler::kCosine, 40, 0), 10) == 10);
}

TEST_CASE("the learning rate rises linearly to its peak") {
  const LrScheduler schedule =
      GENERATE(LrScheduler::kConstant, LrScheduler::kLinear, LrScheduler::kCosine);
  const TrainingConfig training = config_of(schedule, 4, 0);
  for (std::int64_t step = 0; step < 4; ++step) {
    CHECK(learning_rate_at(training, step, 20) == Approx(2e-3 * static_cast<double>(step + 1) / 4));
  }
  CHECK(learning_rate_at(training, 4, 20) == Approx(2e-3));
}

TEST_CASE("after the warm-up each schedule follows its formula") {
  // x = (12 - 4) / (20 - 4) = 1/2 at step 12, 3/4 at step 16; f = 0.1.
  const auto at = [](LrScheduler schedule, std::int64_t step) {
    return learning_rate_at(config_of(schedule, 4, 0.1), step, 20) / 2e-3;
  };
  CHECK(at(LrScheduler::kConstant, 12) == Approx(1));
  CHECK(at(LrScheduler::kConstant, 19) == Approx(1));
  CHECK(at(LrScheduler::kLinear, 12) == Approx(0.55));
  CHECK(at(LrScheduler::kLinear, 16) == Approx(0.325));
  CHECK(at(LrScheduler::kCosine, 12) == Approx(0.55));
  CHECK(at(LrScheduler::kCosine, 16) == Approx(0.1 + 0.9 * 0.5 * (1 - 0.70710678118654752)));
}

TEST_CASE("a run that is all warm-up and a run of one step have valid rates") {
  CHECK(learning_rate_at(config_of(LrScheduler::kCosine, 10, 0), 9, 10) == Approx(2e-3));
  CHECK(learning_rate_at(config_of(LrScheduler::kCosine, 0, 0), 0, 1) == Approx(2e-3));
}

}  // namespace
}  // namespace expandft
