#include "training/trainer.h"

#include "base/error.h"
#include "report/progress.h"
#include "report/summary.h"
#include "runtime/process.h"
#include "training/schedule.h"

#include <chrono>
#include <deque>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Tokens a second over the last steps, so that the figure follows the machine.
class Speedometer {
 public:
  void step(std::int64_t tokens, double seconds) {
    steps_.emplace_back(static_cast<double>(tokens), seconds);
    if (steps_.size() > 20) steps_.pop_front();
  }
  double tokens_per_second() const {
    double tokens = 0, seconds = 0;
    for (const auto& [t, s] : steps_) tokens += t, seconds += s;
    return seconds > 0 ? tokens / seconds : 0;
  }
  double seconds_per_step() const {
    double seconds = 0;
    for (const auto& [t, s] : steps_) seconds += s;
    return steps_.empty() ? 0 : seconds / static_cast<double>(steps_.size());
  }

 private:
  std::deque<std::pair<double, double>> steps_;
};

/// The loop of one run: what it holds between steps, and what happens between them.
class Loop {
 public:
  explicit Loop(const TrainingJob& job)
      : job_(job),
        training_(job.config.run.training),
        optimizer_(job.adaptation.parameters(), training_),
        stream_(job.training_data, job.config.run.data, training_),
        progress_(job.quiet) {
    outcome_.total_steps = stream_.total_steps();
    if (job.retention_data != nullptr) {
      retention_.emplace(job.config.run.retention, *job.retention_data, training_.seed);
    }
    if (job.resume_from) {
      state_ = load_snapshot(*job.resume_from, job.adaptation.tensors(), optimizer_, job.identity);
      go_to_place(*job.resume_from / "state.json");
      saved_step_ = state_.step;
      // What the weights do not depend on (strength, layout, evaluation) may have changed.
      write_json(job.run_directory / "config.resolved.json", job.config.resolved);
      spdlog::info("resuming after step {} of {}", state_.step, outcome_.total_steps);
    }
    metrics_.emplace(job.run_directory / "metrics.jsonl", job.resume_from ? state_.step : -1);
  }

  TrainingOutcome run() {
    if (state_.step == 0) state_.validation_before = validate();
    metrics_->write(
        state_.step, "start",
        {{"total_steps", outcome_.total_steps}, {"seconds_since_launch", seconds_since_launch()}});
    const Clock::time_point start = Clock::now();
    std::int64_t tokens = 0;
    while (state_.step < outcome_.total_steps && signals_.caught() == 0) {
      tokens += step();
      const bool last = state_.step == outcome_.total_steps;
      if (due(training_.validate_every) && !last) validate();
      if (due(training_.checkpoint_every) && signals_.caught() == 0) save();
    }
    outcome_.seconds = seconds_since(start);
    outcome_.tokens_per_second =
        outcome_.seconds > 0 ? static_cast<double>(tokens) / outcome_.seconds : 0;
    // At the end too: what follows (evaluation, merging) may be ended, and would find it again.
    if (state_.step > saved_step_) save();
    if (signals_.caught() == 0) outcome_.validation_after = validate();
    outcome_.signal = signals_.caught();
    metrics_->write(state_.step, outcome_.signal != 0 ? "interrupted" : "end",
                    {{"seconds", outcome_.seconds},
                     {"tokens_per_second", outcome_.tokens_per_second},
                     {"peak_memory_bytes", peak_resident_bytes()}});
    progress_.clear();
    outcome_.state = state_;
    outcome_.first_loss = state_.first_loss;
    outcome_.last_loss = state_.last_loss;
    outcome_.validation_before = state_.validation_before;
    return outcome_;
  }

 private:
  /// Goes to the snapshot's place in the data, if there is one.
  void go_to_place(const fs::path& file) try {
    if (state_.step > outcome_.total_steps) {
      throw input_error("step " + std::to_string(state_.step) + " of " +
                        std::to_string(outcome_.total_steps));
    }
    stream_.seek(state_.position);
  } catch (const Error& error) {
    throw input_error("damaged snapshot: " + error.message(), file.string(), kDeleteSnapshot);
  }

  std::int64_t step() {
    const Clock::time_point start = Clock::now();
    const double rate = learning_rate_at(training_, state_.step, outcome_.total_steps);
    std::function<double()> retain;
    if (retention_) {
      retain = [this] { return retention_->backward(job_.decoder, job_.adaptation, state_.step); };
    }
    const StepResult result =
        train_step(job_.decoder, optimizer_, stream_.next(), rate, training_.clip_norm, retain);
    if (state_.step == 0) state_.first_loss = result.loss;
    state_.last_loss = result.loss;
    ++state_.step;
    state_.position = stream_.position();
    state_.tokens += result.tokens;
    state_.targets += result.targets;
    const double seconds = seconds_since(start);
    speed_.step(result.tokens, seconds);

    smooth_loss_ = smooth_loss_ == 0 ? result.loss : 0.9 * smooth_loss_ + 0.1 * result.loss;
    const bool last = state_.step == outcome_.total_steps;
    if (due(training_.log_every) || last) {
      Json event = {{"loss", result.loss},
                    {"learning_rate", rate},
                    {"grad_norm", result.gradient_norm},
                    {"tokens", state_.tokens},
                    {"tokens_per_second", static_cast<double>(result.tokens) / seconds}};
      if (result.retention) event["retention"] = *result.retention;
      metrics_->write(state_.step, "train", event);
    }
    progress_.training({.step = state_.step,
                        .total_steps = outcome_.total_steps,
                        .loss = smooth_loss_,
                        .learning_rate = rate,
                        .tokens_per_second = speed_.tokens_per_second(),
                        .seconds_left = speed_.seconds_per_step() *
                                        static_cast<double>(outcome_.total_steps - state_.step)});
    return result.tokens;
  }

  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  /// Nothing without validation data, or when a signal comes meanwhile.
  std::optional<double> validate() {
    if (job_.validation_data == nullptr) return {};
    const std::optional<double> loss =
        mean_loss(job_.decoder, *job_.validation_data, kValidationTokens,
                  [this] { return signals_.caught() != 0; });
    if (!loss) return {};
    metrics_->write(state_.step, "validation", {{"loss", *loss}});
    progress_.clear();
    spdlog::info("step {:>5}: validation loss {:.4f}", state_.step, *loss);
    return loss;
  }

  void save() {
    save_snapshot(job_.run_directory, state_, job_.adaptation.tensors(), optimizer_, job_.identity,
                  training_.keep_checkpoints);
    saved_step_ = state_.step;
    metrics_->write(state_.step, "checkpoint", Json::object());
  }

  static constexpr std::int64_t kValidationTokens = 4096;  // computed at once

  const TrainingJob& job_;
  const TrainingConfig& training_;
  const SignalWatch signals_;
  AdamW optimizer_;
  BatchStream stream_;
  std::optional<Retention> retention_;
  ProgressLine progress_;
  Speedometer speed_;
  std::optional<MetricsLog> metrics_;
  TrainingState state_;
  TrainingOutcome outcome_;
  double smooth_loss_ = 0;
  std::int64_t saved_step_ = 0;
};

}  // namespace

TrainingOutcome run_training(const TrainingJob& job) {
  return Loop(job).run();
}

}  // namespace expandft
