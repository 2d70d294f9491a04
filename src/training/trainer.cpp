#include "training/trainer.h"

#include "base/error.h"
#include "report/progress.h"
#include "report/summary.h"
#include "runtime/memory.h"
#include "runtime/process.h"
#include "training/batch_prefetch.h"
#include "training/gradient_norms.h"
#include "training/prefix_caches.h"
#include "training/resume.h"
#include "training/retention.h"
#include "training/schedule.h"
#include "training/train_step.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <deque>
#include <memory>
#include <utility>

#include <spdlog/fmt/fmt.h>
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
        group_(job.group),
        share_{group_.rank(), group_.count()},
        optimizer_(job.adaptation.parameters(), training_, group_, job.decoder.dtype()),
        stream_(job.epochs, training_, share_),
        progress_(job.quiet || !group_.is_first()) {
    state_.total_steps = stream_.total_steps();
    state_.loss_scale = loss_scale_for(job.decoder.dtype());
    if (job.retention_data != nullptr) {
      retention_.emplace(job.config.run.retention, *job.retention_data, training_.seed,
                         job.frozen_layers, share_);
    }
    if (job.resume) resume();
    open_caches();
    batches_.emplace(stream_);
    outcome_.total_steps = state_.total_steps;
    const std::string data = job.validation_data ? fingerprint(*job.validation_data) : "";
    if (job.resume && data != state_.validations.data) {
      spdlog::warn("the validation data changed: what was the best step so far is forgotten");
      state_.validation_before.reset();
      state_.validations = {};
    }
    state_.validations.data = data;
    const fs::path metrics = job.run_directory / "metrics.jsonl";
    if (group_.is_first()) metrics_.emplace(metrics, job.resume ? state_.step : -1);
    if (job.resume) {
      Json logged = Json::array();
      for (Json& event : group_.is_first() ? read_metrics(metrics) : std::vector<Json>()) {
        if (event.at("step") == state_.step) logged.push_back(std::move(event));
      }
      logged_ = parse_json(group_.text_of_first(logged.dump()), metrics.string());
    }
  }

  TrainingOutcome run() {
    if (state_.step == 0) watch();
    log("start",
        {{"total_steps", outcome_.total_steps}, {"seconds_since_launch", seconds_since_launch()}});
    const Clock::time_point start = Clock::now();
    std::int64_t tokens = 0;
    if (state_.step > 0) watch();  // what a signal kept from being measured
    while (!is_done() && signal() == 0) {
      queue();
      if (!is_to_read()) continue;
      const std::int64_t before = state_.step;
      tokens += read();
      if (state_.step == before) continue;  // it is taken again
      if (state_.step == outcome_.total_steps) break;
      const bool is_best = watch();
      const bool saves_best = is_best && training_.output_checkpoint == OutputCheckpoint::kBest;
      if ((saves_best || due(training_.checkpoint_every)) && signal() == 0) save();
    }
    tokens += read();
    outcome_.seconds = seconds_since(start);
    outcome_.tokens_per_second =
        outcome_.seconds > 0 ? static_cast<double>(tokens) / outcome_.seconds : 0;
    // At the end too: what follows (evaluation, merging) may be ended, and would find it again.
    if (state_.step > saved_step_) save();
    if (signal() == 0) watch();
    outcome_.signal = signal();
    outcome_.stopped_early = is_done() && state_.step < outcome_.total_steps;
    if (outcome_.stopped_early) {
      log_once("early_stop", {{"validations", state_.validations.since_best}});
    }
    log(outcome_.signal != 0 ? "interrupted" : "end",
        {{"seconds", outcome_.seconds},
         {"tokens_per_second", outcome_.tokens_per_second},
         {"peak_memory_bytes", peak_memory_bytes(job_.decoder.device())}});
    progress_.clear();
    conclude();
    optimizer_.finish();
    return outcome_;
  }

 private:
  /// The signal that ends the run, or 0. Ranks learn of each other's with the steps.
  int signal() const { return group_.is_alone() ? signals_.caught() : agreed_signal_; }
  std::function<bool()> stop() const {
    return [this] { return group_.is_alone() && signals_.caught() != 0; };
  }

  void log(const std::string& event, const Json& values) {
    if (metrics_) metrics_->write(state_.step, event, values);
  }

  void open_caches() {
    if (!group_.is_alone()) {
      // Each epoch would give a rank other examples than it has the states of.
      if (training_.cache_prefix != CachePrefix::kNone) {
        spdlog::warn("training.cache_prefix has no effect with several ranks");
      }
      return;
    }
    PrefixLayouts layouts = plan_prefix_caches(job_.config.run, job_.decoder, job_.frozen_layers,
                                               job_.epochs, retention_ ? &*retention_ : nullptr);
    const auto open = [&](const Dataset& dataset, PrefixLayout layout) {
      return make_prefix_cache(training_.cache_prefix, {job_.run_directory, job_.bytes_to_write},
                               job_.decoder, job_.frozen_layers, dataset, std::move(layout));
    };
    if (layouts.retention) {
      retention_->use(open(retention_->text(), std::move(*layouts.retention)));
    }
    if (layouts.training) prefix_ = open(job_.epochs->dataset(), std::move(*layouts.training));
  }

  void resume() {
    if (group_.is_first()) {
      state_ = resume_run(job_.run_directory, job_.adaptation.tensors(), optimizer_, stream_,
                          training_, job_.identity)
                   .state;
    } else {
      optimizer_.restore(0, {});
    }
    if (!group_.is_alone()) {
      state_ = parse_state(
          parse_json(group_.text_of_first(state_json(state_).dump()), "state of rank 0"));
      optimizer_.set_steps(state_.step);
      stream_.seek(state_.position);
    }
    if (!state_.loss_scale) state_.loss_scale = loss_scale_for(job_.decoder.dtype());
    norms_ = GradientNorms(state_.gradient_norms);
    saved_step_ = state_.step;
    spdlog::info("resuming after step {} of {}", state_.step, state_.total_steps);
    if (!group_.is_first()) return;
    // A finished run that goes on is none until it is finished again.
    fs::remove(job_.run_directory / "summary.json");
    // What the weights do not depend on (strength, layout, evaluation) may have changed.
    write_json(job_.run_directory / "config.resolved.json", job_.config.resolved);
  }

  /// The outcome, and the weights that go to the outputs.
  void conclude() {
    outcome_.state = state_;
    outcome_.first_loss = state_.first_loss;
    outcome_.last_loss = state_.last_loss;
    outcome_.validation_before = state_.validation_before;
    const ValidationHistory& validations = state_.validations;
    if (validations.last && validations.last->step == state_.step) {
      outcome_.validation_after = validations.last->loss;
    }
    outcome_.best = validations.best;
    outcome_.output_step = state_.step;
    const bool wants_best = training_.output_checkpoint == OutputCheckpoint::kBest;
    if (outcome_.signal != 0 || !wants_best || !outcome_.best ||
        outcome_.best->step == state_.step) {
      return;
    }
    if (!group_.answer_of_first(has_whole_best())) return;
    outcome_.output_step = outcome_.best->step;
    if (group_.is_first()) {
      load_weights(snapshot_path(job_.run_directory, outcome_.best->step), optimizer_);
    } else {
      optimizer_.restore_weights({});
    }
  }

  /// Whether rank 0 can read the weights of the best validation.
  bool has_whole_best() {
    if (!group_.is_first()) return false;
    try {
      check_weights(snapshot_path(job_.run_directory, outcome_.best->step),
                    job_.adaptation.tensors());
      return true;
    } catch (const Error& error) {
      if (error.code() != ExitCode::kBadInput) throw;
      spdlog::warn("{}: {}; the outputs hold the last weights, not the best", error.where(),
                   error.message());
      return false;
    }
  }

  bool is_done() const {
    return state_.step >= outcome_.total_steps ||
           state_.validations.is_exhausted(training_.early_stopping_patience);
  }

  /// Measures what is due at this step and was not yet; whether the validation loss is the lowest.
  bool watch() {
    const bool at_end = state_.step == 0 || is_done();
    const std::optional<Validation>& last = state_.validations.last;
    bool is_best = false;
    if ((at_end || due(training_.validate_every)) && !(last && last->step == state_.step)) {
      is_best = validate();
    }
    // Again, as patience may have ended the run just now.
    if (at_end || is_done() || due(job_.config.run.evaluation.every)) evaluate();
    return is_best;
  }

  /// Steps that were taken and queued.
  std::int64_t queued_to() const { return state_.step + std::ssize(queued_); }

  void queue() {
    const std::int64_t index = queued_to();
    if (queued_.empty()) queued_since_ = Clock::now();
    std::optional<FurtherTerm> retain;
    if (retention_) {
      retain =
          FurtherTerm{retention_->divisor(index), [&](double factor) {
                        return retention_->backward(job_.decoder, job_.adaptation, index, factor);
                      }};
    }
    const double rate = learning_rate_at(training_, index, outcome_.total_steps);
    queued_.push_back(queue_step(
        job_.decoder, optimizer_, batches_->next(), rate, training_.max_grad_norm, retain,
        prefix_.get(), {.signals = signals_.caught() != 0 ? 1.0 : 0.0, .seconds = seconds_a_step_},
        state_.loss_scale ? std::optional(state_.loss_scale->at(index)) : std::nullopt));
    positions_.push_back(batches_->position());
  }

  /// Whether something is due that needs the numbers of the steps that are queued.
  bool is_to_read() const {
    const std::int64_t step = queued_to();
    return std::ssize(queued_) >= most_queued_ || step == outcome_.total_steps ||
           is_due(training_.validate_every, step) || is_due(training_.checkpoint_every, step) ||
           is_due(job_.config.run.evaluation.every, step) || stop()();
  }

  /// Waits for the queued steps, and tells of them; returns their tokens.
  std::int64_t read() {
    if (queued_.empty()) return 0;
    const std::vector<StepResult> results = results_of(queued_);
    seconds_a_step_ = seconds_since(queued_since_) / static_cast<double>(results.size());
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].has_overflow() && state_.loss_scale && state_.loss_scale->lower(state_.step)) {
        take_again();
        break;
      }
      if (const auto what = results[i].not_finite()) end_diverged(what->first, what->second);
      took(results[i], positions_[i], seconds_a_step_);
      tokens += results[i].tokens;
    }
    queued_.clear();
    positions_.clear();
    const RankNotes& notes = results.back().notes;
    if (notes.signals > 0) agreed_signal_ = signals_.caught() != 0 ? signals_.caught() : SIGTERM;
    if (!job_.queued_steps && !job_.decoder.device().is_cpu()) {
      // By what all ranks know: they must read at the same steps.
      const double seconds = notes.seconds / group_.count();
      most_queued_ = std::clamp<std::int64_t>(seconds > 0 ? std::llround(1 / seconds) : 1, 1, 10);
    }
    return tokens;
  }

  /// Goes back to the step whose gradients overflowed, which changed nothing, and neither did those
  /// queued behind it.
  void take_again() {
    optimizer_.set_steps(state_.step);
    batches_.reset();
    stream_.seek(state_.position);
    batches_.emplace(stream_);
    const double scale = state_.loss_scale->at(state_.step);
    log("overflow", {{"loss_scale", scale}});
    spdlog::info(
        "step {}: gradients overflow in float16; it is taken again with a loss scale of {}",
        state_.step + 1, scale);
  }

  [[noreturn]] void end_diverged(const char* what, double value) {
    queued_.clear();  // they changed nothing
    optimizer_.set_steps(state_.step);
    const Error error(
        ExitCode::kDiverged, fmt::format("training diverged: the {} is {}", what, value),
        fmt::format("step {}", state_.step + 1),
        std::string(state_.loss_scale ? "float16 holds no number above 65504: compute "
                                        "in bfloat16 or float32 "
                                        "(training.precision); or "
                                      : "") +
            "lower training.learning_rate or lengthen training.warmup and begin "
            "again with --restart, or look at the data of this step");
    if (state_.step == 0) throw error;
    progress_.clear();
    throw with_snapshot(error);
  }

  /// Leaves the last good weights as the newest snapshot, and says where they are.
  Error with_snapshot(const Error& error) try {
    const bool is_good = group_.answer_of_first(has_finite_loss());
    if (is_good && state_.step > saved_step_) save();
    if (!group_.is_first()) return error;
    if (!is_good) set_aside_snapshot(job_.run_directory, state_.step, "diverged");
    const std::optional<fs::path> newest = newest_snapshot(job_.run_directory);
    if (!newest) return error;
    write_json(divergence_file(job_.run_directory),
               {{"step", state_.step + 1}, {"what", error.message()}});
    return divergence(error, *newest, is_good);
  } catch (const Error& unsaved) {  // a full disk must not hide why training ended
    spdlog::warn("the weights before the step that diverged cannot be saved: {}", unsaved.what());
    return error;
  }

  /// Whether the weights still give a loss on most of some other examples: it may be the data of
  /// the step that gives none, or the step before may have spoiled the weights.
  bool has_finite_loss() const {
    constexpr std::size_t kExamples = 16;
    const Dataset& data = job_.validation_data ? *job_.validation_data : job_.epochs->dataset();
    const std::size_t count = std::min(kExamples, data.examples.size());
    std::size_t finite = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Dataset one;
      one.examples.push_back(data.examples[i]);
      finite += std::isfinite(mean_loss(job_.decoder, one, kValidationTokens).value_or(0)) ? 1 : 0;
    }
    return 2 * finite > count;
  }

  /// Goes on by a step that took so many seconds and left the stream at `position`.
  void took(const StepResult& result, const StreamPosition& position, double seconds) {
    const double rate = learning_rate_at(training_, state_.step, outcome_.total_steps);
    if (state_.step == 0) state_.first_loss = result.loss;
    state_.last_loss = result.loss;
    ++state_.step;
    state_.position = position;
    state_.tokens += result.tokens;
    state_.targets += result.targets;
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
      if (state_.loss_scale) event["loss_scale"] = state_.loss_scale->at(state_.step - 1);
      log("train", event);
    }
    watch_norm(result.gradient_norm);
    progress_.training({.step = state_.step,
                        .total_steps = outcome_.total_steps,
                        .loss = smooth_loss_,
                        .learning_rate = rate,
                        .tokens_per_second = speed_.tokens_per_second(),
                        .seconds_left = speed_.seconds_per_step() *
                                        static_cast<double>(outcome_.total_steps - state_.step)});
  }

  void watch_norm(double norm) {
    const std::optional<double> median = norms_.add(norm);
    state_.gradient_norms = norms_.recent();
    if (!median) return;
    log("outlier", {{"grad_norm", norm}, {"median", *median}});
    const auto held_back = outlier_warnings_.show(state_.step);
    if (!held_back || !group_.is_first()) return;
    progress_.clear();
    spdlog::warn(
        "step {}: the gradient norm is {:.3g}, {:.0f} times the median of the last steps{}",
        state_.step, norm, norm / *median,
        *held_back > 0 ? fmt::format(" ({} more since the last warning)", *held_back) : "");
  }

  static bool is_due(std::int64_t every, std::int64_t step) {
    return every > 0 && step % every == 0;
  }
  bool due(std::int64_t every) const { return is_due(every, state_.step); }

  /// Whether the loss is the lowest so far. Does nothing without validation data, or when a signal
  /// comes meanwhile.
  bool validate() {
    if (job_.validation_data == nullptr) return false;
    progress_.clear();
    const std::optional<double> loss =
        mean_loss(job_.decoder, *job_.validation_data, kValidationTokens, stop(), group_);
    if (!loss) return false;
    if (state_.step == 0) state_.validation_before = loss;
    const bool is_best = state_.validations.add({state_.step, *loss});
    Json event = {{"loss", *loss}};
    if (is_best) event["best"] = true;
    log_once("validation", event);
    spdlog::log(std::isfinite(*loss) ? spdlog::level::info : spdlog::level::warn,
                "step {:>5}: validation loss {:.4f}{}", state_.step, *loss,
                is_best ? ", the lowest so far" : "");
    return is_best;
  }

  /// Once at a step, also when a resumed run comes to it again.
  void evaluate() {
    const bool is_logged = std::ranges::any_of(logged_, [&](const Json& event) {
      return event.at("step") == state_.step && event.at("event") == "evaluation";
    });
    if (!job_.evaluate || evaluated_step_ == state_.step || is_logged || signal() != 0) {
      return;
    }
    progress_.clear();
    const std::optional<Json> values = job_.evaluate(state_.step, stop());
    if (!values) return;
    evaluated_step_ = state_.step;
    log("evaluation", *values);
  }

  /// Leaves an event out that an earlier process logged at the step it was resumed from.
  void log_once(const std::string& event, const Json& values) {
    Json line = {{"step", state_.step}, {"event", event}};
    line.update(values);
    if (std::ranges::find(logged_, line) == logged_.end()) log(event, values);
  }

  void save() {
    save_snapshot(job_.run_directory, state_, optimizer_, job_.identity,
                  training_.keep_checkpoints);
    saved_step_ = state_.step;
    log("checkpoint", Json::object());
  }

  static constexpr std::int64_t kValidationTokens = 4096;  // computed at once

  const TrainingJob& job_;
  const TrainingConfig& training_;
  const SignalWatch signals_;
  const RankGroup& group_;
  const StreamShare share_;
  AdamW optimizer_;
  BatchStream stream_;
  std::optional<BatchPrefetch> batches_;  // of it; made when it stands where the run begins
  std::optional<Retention> retention_;
  std::unique_ptr<PrefixCache> prefix_;  // of the training data; null without
  ProgressLine progress_;
  Speedometer speed_;
  std::optional<MetricsLog> metrics_;  // rank 0's
  TrainingState state_;
  TrainingOutcome outcome_;
  GradientNorms norms_;
  WarningLimit outlier_warnings_;
  Json logged_ = Json::array();  // at the step that the run was resumed from
  std::vector<QueuedStep> queued_;
  std::vector<StreamPosition> positions_;  // after each of them
  Clock::time_point queued_since_;
  std::int64_t most_queued_ = job_.queued_steps.value_or(1);
  double seconds_a_step_ = 0;  // lately
  int agreed_signal_ = 0;
  double smooth_loss_ = 0;
  std::int64_t saved_step_ = 0, evaluated_step_ = -1;
};

}  // namespace

TrainingOutcome run_training(const TrainingJob& job) {
  return Loop(job).run();
}

}  // namespace expandft
