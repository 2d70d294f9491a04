#pragma once

#include "report/metrics_log.h"
#include "report/progress.h"
#include "runtime/rank_group.h"
#include "training/health.h"
#include "training/train_step.h"
#include "training/training_state.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace expandft {

/// Reports a run: events in metrics.jsonl (rank 0 only), the progress line with speed and time
/// left, and warnings.
class TrainingLog {
 public:
  /// `group` must outlive the log.
  TrainingLog(const RankGroup& group, const TrainingConfig& training, bool quiet)
      : group_(group), log_every_(training.log_every), progress_(quiet || !group.is_first()) {}

  /// Opens metrics.jsonl of a run directory. A resumed run has done `resumed` steps; events of
  /// later steps are removed. All ranks call this.
  void open(const fs::path& run, std::optional<std::int64_t> resumed);

  void write(std::int64_t step, const std::string& event, const Json& values);
  /// Does nothing when an earlier process has logged the same event, at the step the run was
  /// resumed from.
  void write_once(std::int64_t step, const std::string& event, const Json& values);
  /// Whether an earlier process has logged an event of this kind at the step the run was resumed
  /// from.
  bool has(std::int64_t step, const std::string& event) const;

  /// Reports the step that led to `state` and took `seconds`.
  void step(const TrainingState& state, const StepResult& result, double learning_rate,
            double seconds);
  /// The step's gradient norm was an outlier: far above the `median` of the steps before.
  void outlier(std::int64_t step, double norm, double median);
  void validation(const Validation& validation, bool is_best);
  /// The gradients of step + 1 overflowed; it is repeated with this loss scale.
  void overflow(std::int64_t step, double loss_scale);
  /// Removes the progress line, so that other output does not tear it.
  void clear_progress() { progress_.clear(); }

 private:
  double seconds_per_step() const;
  double tokens_per_second() const;

  const RankGroup& group_;
  std::int64_t log_every_;
  ProgressLine progress_;
  std::optional<MetricsLog> metrics_;
  Json logged_ = Json::array();  // by earlier processes, at the step the run was resumed from
  double smooth_loss_ = 0;
  std::deque<std::pair<double, double>> newest_;  // tokens and seconds of the newest steps
  WarningLimit outlier_warnings_;
};

}  // namespace expandft
