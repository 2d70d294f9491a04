#pragma once

#include "config/run_config.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "report/metrics_log.h"
#include "runtime/rank_group.h"
#include "runtime/signals.h"
#include "training/snapshot.h"
#include "training/training_state.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace expandft {

/// Measures the model during training, at strength 1; returns the values of an "evaluation" event.
/// Nothing when `stop`, which it calls often, returns true.
using EvaluateFn =
    std::function<std::optional<Json>(std::int64_t step, const std::function<bool()>& stop)>;

/// Everything that run_training needs. What it refers to must outlive the run.
struct TrainingJob {
  const ResolvedConfig& config;
  const Decoder& decoder;
  const Adaptation& adaptation;
  std::shared_ptr<const PackedEpochs> epochs;  // of the training data
  const Dataset* validation_data;              // may be null
  const Dataset* retention_data;               // null without retention
  std::int64_t frozen_layers = 0;              // layers below all trained ones
  fs::path run_directory;
  std::uint64_t bytes_to_write = 0;  // room that a cache on the disk must leave free there
  Json identity;                     // snapshot_identity
  bool resume = false;               // from the newest snapshot, which must exist
  EvaluateFn evaluate;  // before the first step, every evaluation.every steps, and at the end
  bool quiet = false;
  /// How many steps may be queued on the device before their results are read. Not given: 1 on a
  /// CPU, where queueing has no effect; on a GPU the steps that it does in a second, at most 10.
  std::optional<std::int64_t> queued_steps;
  /// Its ranks share out each step, validation and evaluation; rank 0 writes files.
  const RankGroup& group = RankGroup::alone();
};

struct TrainingOutcome {
  TrainingState state;
  std::int64_t total_steps = 0;
  double first_loss = 0, last_loss = 0;                       // nats per target
  std::optional<double> validation_before, validation_after;  // likewise
  double seconds = 0, tokens_per_second = 0;                  // of this process only
  int signal = 0;                  // the signal that ended the run, after the last step too; or 0
  std::optional<Validation> best;  // the lowest validation loss after step 0
  std::int64_t output_step = 0;    // the step whose weights the model has now: the best or the last
  bool stopped_early = false;      // by training.early_stopping_patience
};

/// Trains until the last step, until training.early_stopping_patience is exhausted, or until a
/// signal; a snapshot is saved in any case. Then loads the best weights if they go to the outputs.
/// Writes metrics.jsonl and snapshots into the run directory, and when resuming also
/// config.resolved.json; reports on the terminal. When training diverges, the error names the
/// newest snapshot with good weights. A signal to one rank ends the run on all ranks.
TrainingOutcome run_training(const TrainingJob& job);

}  // namespace expandft
