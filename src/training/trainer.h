#pragma once

#include "config/run_config.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "report/metrics_log.h"
#include "runtime/rank_group.h"
#include "runtime/signals.h"
#include "training/snapshot.h"
#include "training/validation_history.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace expandft {

/// Measures the model as it trains, at strength 1: the values of an event "evaluation". Nothing
/// when `stop`, which is asked often, says to stop.
using EvaluateFn =
    std::function<std::optional<Json>(std::int64_t step, const std::function<bool()>& stop)>;

/// A training run between its beginning and its outputs.
struct TrainingJob {
  const ResolvedConfig& config;
  const Decoder& decoder;
  const Adaptation& adaptation;
  std::shared_ptr<const PackedEpochs> epochs;  // of the training data
  const Dataset* validation_data;              // may be null
  const Dataset* retention_data;               // null without retention
  std::int64_t frozen_layers = 0;              // below all that trains
  fs::path run_directory;
  std::uint64_t bytes_to_write = 0;  // room there that a cache leaves free
  Json identity;                     // of snapshots
  bool resume = false;               // from the newest snapshot, which must be there
  EvaluateFn evaluate;  // before the first step, each evaluation.every steps, and at the end
  bool quiet = false;
  /// Steps that may be queued on the device before their numbers are read. Without: one on a CPU,
  /// which has done a step when it was told to; on a GPU what it does in a second, at most 10.
  std::optional<std::int64_t> queued_steps;
  /// Its ranks share each step, validation and evaluation; rank 0 writes.
  const RankGroup& group = RankGroup::alone();
};

struct TrainingOutcome {
  TrainingState state;
  std::int64_t total_steps = 0;
  double first_loss = 0, last_loss = 0;                       // of the whole run, as the next line
  std::optional<double> validation_before, validation_after;  // nats a target
  double seconds = 0, tokens_per_second = 0;                  // of this process
  int signal = 0;  // 0, or what ended it early (after the last step too); a snapshot was saved
  std::optional<Validation> best;  // the lowest validation loss after step 0
  std::int64_t output_step = 0;    // whose weights the model holds now: the best's or the last
  bool stopped_early = false;      // by training.early_stopping_patience
};

/// Trains to the end, until training.early_stopping_patience is exhausted, or until a signal comes;
/// then brings the best weights back, if these go to the outputs. Writes metrics.jsonl and
/// snapshots into the run directory, on resuming config.resolved.json too, and a progress line to
/// the terminal. When training diverges, the newest snapshot has the last good weights, and the
/// error says where. A signal to one rank of a group ends the run of all.
TrainingOutcome run_training(const TrainingJob& job);

}  // namespace expandft
