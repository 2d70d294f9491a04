#include "training/trainer.h"

#include "base/error.h"
#include "report/json_values.h"
#include "runtime/process.h"
#include "training/health.h"
#include "training/lr_scheduler.h"
#include "training/prefix_cache.h"
#include "training/resume.h"
#include "training/retention.h"
#include "training/train_step.h"
#include "training/training_log.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The loop of one run, with its state between steps.
class Loop {
 public:
  explicit Loop(const TrainingJob& job)
      : job_(job),
        training_(job.config.run.training),
        group_(job.group),
        share_{group_.rank(), group_.count()},
        optimizer_(job.adaptation.parameters(), training_, group_, job.decoder.dtype()),
        stream_(job.epochs, training_, share_),
        log_(group_, training_, job.quiet) {
    state_.total_steps = stream_.total_steps();
    if (job.retention_data != nullptr) {
      retention_.emplace(job.config.run.retention, *job.retention_data, training_.seed,
                         job.frozen_layers, share_);
    }
    if (job.resume) resume();
    if (!state_.loss_scale) state_.loss_scale = loss_scale_for(job.decoder.dtype());
    open_caches();
    batches_.emplace(stream_);
    const std::string data = job.validation_data ? fingerprint(*job.validation_data) : "";
    if (job.resume && data != state_.validations.data) {
      spdlog::warn("the validation data changed: the best step so far is forgotten");
      state_.validation_before.reset();
      state_.validations = {};
    }
    state_.validations.data = data;
    log_.open(job.run_directory, job.resume ? std::optional(state_.step) : std::nullopt);
  }

  TrainingOutcome run() {
    if (state_.step == 0) measure();
    log_.write(
        state_.step, "start",
        {{"total_steps", state_.total_steps}, {"seconds_since_launch", seconds_since_launch()}});
    const Clock::time_point start = Clock::now();
    const std::int64_t tokens_before = state_.tokens;
    if (state_.step > 0) measure();  // a signal may have ended the earlier process before it did
    while (!is_done() && signal() == 0) {
      queue_next_step();  // the next batch, forward, backward, clipping, AdamW
      if (!must_read()) continue;
      const std::int64_t before = state_.step;
      read_results();
      if (state_.step == before) continue;  // its gradients overflowed: the step is repeated
      if (state_.step == state_.total_steps) break;
      const bool is_best = measure();
      const bool saves_best = is_best && training_.output_checkpoint == OutputCheckpoint::kBest;
      if ((saves_best || due(training_.checkpoint_every)) && signal() == 0) save();
    }
    read_results();
    outcome_.seconds = seconds_since(start);
    outcome_.tokens_per_second =
        outcome_.seconds > 0 ? static_cast<double>(state_.tokens - tokens_before) / outcome_.seconds
                             : 0;
    // The last step has a snapshot too: the evaluation and export that follow may be interrupted.
    if (state_.step > saved_step_) save();
    if (signal() == 0) measure();
    conclude();
    optimizer_.finish();
    return outcome_;
  }

 private:
  /// The signal that ends the run, or 0. Several ranks agree on it when they read a step's results.
  int signal() const { return group_.is_alone() ? signals_.caught() : agreed_signal_; }
  std::function<bool()> stop() const {
    return [this] { return group_.is_alone() && signals_.caught() != 0; };
  }

  bool is_done() const {
    return state_.step >= state_.total_steps ||
           state_.validations.is_exhausted(training_.early_stopping_patience);
  }
  static bool is_due(std::int64_t every, std::int64_t step) {
    return every > 0 && step % every == 0;
  }
  bool due(std::int64_t every) const { return is_due(every, state_.step); }

  void resume() {
    state_ = resume_run(job_.run_directory, job_.adaptation.tensors(), optimizer_, stream_,
                        training_, job_.identity);
    norms_ = GradientNorms(state_.gradient_norms);
    saved_step_ = state_.step;
    spdlog::info("resuming after step {} of {}", state_.step, state_.total_steps);
    if (!group_.is_first()) return;
    // A finished run that is extended counts as unfinished until it is finished again.
    fs::remove(job_.run_directory / "summary.json");
    // Keys that the weights do not depend on (strength, layout, evaluation) may have changed.
    write_json(job_.run_directory / "config.resolved.json", job_.config.resolved);
  }

  void open_caches() {
    if (!group_.is_alone()) {
      // A rank would get other examples in each epoch than those whose states it has.
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

  /// The number of steps done and queued.
  std::int64_t queued_to() const { return state_.step + std::ssize(queued_); }

  void queue_next_step() {
    const std::int64_t index = queued_to();
    if (queued_.empty()) queued_since_ = Clock::now();
    StepOptions options{
        .learning_rate = learning_rate_at(training_, index, state_.total_steps),
        .max_grad_norm = training_.max_grad_norm,
        .loss = loss_options(job_.config.run, job_.adaptation, job_.frozen_layers),
        .prefix = prefix_.get(),
        .notes = {.signals = signals_.caught() != 0 ? 1.0 : 0.0, .seconds = seconds_per_step_}};
    if (retention_) options.further = retention_->term(job_.decoder, job_.adaptation, index);
    if (state_.loss_scale) options.loss_scale = state_.loss_scale->at(index);
    queued_.push_back(queue_step(job_.decoder, optimizer_, batches_->next(), options));
    positions_.push_back(batches_->position());
  }

  /// Whether the queue is full, or something is due that needs the results of its steps.
  bool must_read() const {
    const std::int64_t step = queued_to();
    return std::ssize(queued_) >= most_queued_ || step == state_.total_steps ||
           is_due(training_.validate_every, step) || is_due(training_.checkpoint_every, step) ||
           is_due(job_.config.run.evaluation.every, step) || stop()();
  }

  /// Waits for the queued steps and takes their results. Throws when one is not finite.
  void read_results() {
    if (queued_.empty()) return;
    const std::vector<StepResult> results = results_of(queued_);
    seconds_per_step_ = seconds_since(queued_since_) / static_cast<double>(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].has_overflow() && state_.loss_scale && state_.loss_scale->lower(state_.step)) {
        repeat_step();
        break;
      }
      if (const auto bad = results[i].non_finite()) end_diverged(bad->first, bad->second);
      take(results[i], positions_[i]);
    }
    queued_.clear();
    positions_.clear();
    const RankNotes& notes = results.back().notes;
    if (notes.signals > 0) agreed_signal_ = signals_.caught() != 0 ? signals_.caught() : SIGTERM;
    if (!job_.queued_steps && !job_.decoder.device().is_cpu()) {
      // From the notes of all ranks, because they must all read at the same steps.
      const double seconds = notes.seconds / group_.count();
      most_queued_ = std::clamp<std::int64_t>(seconds > 0 ? std::llround(1 / seconds) : 1, 1, 10);
    }
  }

  /// Moves the run's state on by one step, after which the stream was at `position`.
  void take(const StepResult& result, const StreamPosition& position) {
    const double rate = learning_rate_at(training_, state_.step, state_.total_steps);
    if (state_.step == 0) state_.first_loss = result.loss;
    state_.last_loss = result.loss;
    ++state_.step;
    state_.position = position;
    state_.tokens += result.tokens;
    state_.targets += result.targets;
    log_.step(state_, result, rate, seconds_per_step_);
    if (const std::optional<double> median = norms_.add(result.gradient_norm)) {
      log_.outlier(state_.step, result.gradient_norm, *median);
    }
    state_.gradient_norms = norms_.recent();
  }

  /// Goes back to the step whose gradients overflowed. Neither it nor those queued after it have
  /// changed the weights.
  void repeat_step() {
    optimizer_.set_steps(state_.step);
    batches_.reset();
    stream_.seek(state_.position);
    batches_.emplace(stream_);
    log_.overflow(state_.step, state_.loss_scale->at(state_.step));
  }

  [[noreturn]] void end_diverged(const char* what, double value) {
    queued_.clear();  // they have not changed the weights
    optimizer_.set_steps(state_.step);
    const Error error = diverged(state_.step + 1, what, value, state_.loss_scale.has_value());
    if (state_.step == 0) throw error;
    log_.clear_progress();
    throw with_good_snapshot(error);
  }

  /// Makes sure that the newest snapshot has good weights, and adds its path to the error.
  Error with_good_snapshot(const Error& error) try {
    const bool is_good = group_.answer_of_first(has_finite_loss());
    if (is_good && state_.step > saved_step_) save();
    if (!group_.is_first()) return error;
    if (!is_good) set_aside_snapshot(job_.run_directory, state_.step, "diverged");
    const std::optional<fs::path> newest = newest_snapshot(job_.run_directory);
    if (!newest) return error;
    write_json(diverged_file(job_.run_directory),
               {{"step", state_.step + 1}, {"what", error.message()}});
    return diverged_with_snapshot(error, *newest, is_good);
  } catch (const Error& unsaved) {  // a full disk must not hide why training ended
    spdlog::warn("the weights before the step that diverged cannot be saved: {}", unsaved.what());
    return error;
  }

  /// Whether the weights give a finite loss on most of some other examples. If so, the data of the
  /// step caused the error; if not, an earlier step has damaged the weights.
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

  /// Validates and evaluates if due at this step and not done yet: the average of the weights, if
  /// there is one. Returns whether the validation loss is the lowest so far.
  bool measure() {
    const bool at_end = state_.step == 0 || is_done();
    const std::optional<Validation>& last = state_.validations.last;
    const bool validates =
        (at_end || due(training_.validate_every)) && !(last && last->step == state_.step);
    const bool evaluates = at_end || due(job_.config.run.evaluation.every);
    if (!validates && !evaluates) return false;
    optimizer_.swap_average();
    const bool is_best = validates && validate();
    // is_done() again, because this validation may have stopped the run early.
    if (evaluates || is_done()) evaluate();
    optimizer_.swap_average();
    return is_best;
  }

  /// False also without validation data, or when a signal interrupted the validation.
  bool validate() {
    if (job_.validation_data == nullptr) return false;
    log_.clear_progress();
    const std::optional<double> loss =
        mean_loss(job_.decoder, *job_.validation_data, kValidationTokens, stop(), group_);
    if (!loss) return false;
    if (state_.step == 0) state_.validation_before = loss;
    const Validation validation{state_.step, *loss};
    const bool is_best = state_.validations.add(validation);
    log_.validation(validation, is_best);
    return is_best;
  }

  /// Only once at each step, also in a resumed run.
  void evaluate() {
    if (!job_.evaluate || evaluated_step_ == state_.step || log_.has(state_.step, "evaluation") ||
        signal() != 0) {
      return;
    }
    log_.clear_progress();
    const std::optional<Json> values = job_.evaluate(state_.step, stop());
    if (!values) return;
    evaluated_step_ = state_.step;
    log_.write(state_.step, "evaluation", *values);
  }

  void save() {
    save_snapshot(job_.run_directory, state_, optimizer_, job_.identity,
                  training_.keep_checkpoints);
    saved_step_ = state_.step;
    log_.write(state_.step, "checkpoint", Json::object());
  }

  /// Logs the end, and loads the weights that go to the outputs.
  void conclude() {
    const ValidationHistory& validations = state_.validations;
    outcome_.state = state_;
    outcome_.total_steps = state_.total_steps;
    outcome_.first_loss = state_.first_loss;
    outcome_.last_loss = state_.last_loss;
    outcome_.validation_before = state_.validation_before;
    if (validations.last && validations.last->step == state_.step) {
      outcome_.validation_after = validations.last->loss;
    }
    outcome_.signal = signal();
    outcome_.stopped_early = is_done() && state_.step < state_.total_steps;
    if (outcome_.stopped_early) {
      log_.write_once(state_.step, "early_stop", {{"validations", validations.since_best}});
    }
    log_.write(state_.step, outcome_.signal != 0 ? "interrupted" : "end",
               {{"seconds", outcome_.seconds},
                {"tokens_per_second", outcome_.tokens_per_second},
                {"peak_memory_bytes", peak_memory_bytes(job_.decoder.device())}});
    log_.clear_progress();
    outcome_.best = validations.best;
    outcome_.output_step = state_.step;
    const bool wants_best = outcome_.signal == 0 && outcome_.best &&
                            training_.output_checkpoint == OutputCheckpoint::kBest;
    if (wants_best && outcome_.best->step != state_.step &&
        load_best_weights(job_.run_directory, outcome_.best->step, job_.adaptation.tensors(),
                          optimizer_)) {
      outcome_.output_step = outcome_.best->step;
    } else {
      optimizer_.swap_average();
    }
  }

  static constexpr std::int64_t kValidationTokens = 4096;  // per forward pass

  const TrainingJob& job_;
  const TrainingConfig& training_;
  const SignalWatch signals_;
  const RankGroup& group_;
  const StreamShare share_;
  AdamW optimizer_;
  BatchStream stream_;
  std::optional<BatchPrefetch> batches_;  // of the stream; made when that is at the run's position
  std::optional<Retention> retention_;
  std::unique_ptr<PrefixCache> prefix_;  // of the training data; may be null
  TrainingLog log_;
  TrainingState state_;
  TrainingOutcome outcome_;
  GradientNorms norms_;
  std::vector<QueuedStep> queued_;
  std::vector<StreamPosition> positions_;  // after each queued step
  Clock::time_point queued_since_;
  std::int64_t most_queued_ = job_.queued_steps.value_or(1);
  double seconds_per_step_ = 0;  // of the steps read last
  int agreed_signal_ = 0;
  std::int64_t saved_step_ = 0, evaluated_step_ = -1;
};

}  // namespace

TrainingOutcome run_training(const TrainingJob& job) {
  return Loop(job).run();
}

}  // namespace expandft
