#pragma once

#include "config/run_config.h"
#include "run/dry_run.h"
#include "run/process_options.h"
#include "run/run_directory.h"
#include "runtime/rank_group.h"
#include "tasks/comparison.h"
#include "training/trainer.h"

#include <optional>
#include <string>

namespace expandft {

/// How a run is started.
struct RunOptions {
  ProcessOptions process = {};
  ExistingRun existing = ExistingRun::kRefuse;
  std::string resume_command = {};  // that the log names when a signal ends the run
};

/// The merged model of a run, and whether there is an adapter beside it.
struct WrittenModel {
  bool has_adapter = false;
  std::optional<Layout> layout;  // where MLPs were widened
  std::string size;              // of the weights, in words
};

enum class RunEnding { kFinished, kInterrupted, kWasFinished };

/// How a run ended.
struct RunResult {
  RunEnding ending = RunEnding::kFinished;
  TrainingOutcome outcome = {};      // not of a run that was finished before
  ComparisonReport comparison = {};  // the rest: of a run that this process finished
  WrittenModel written = {};
};

/// A whole training run: from a config to a run directory with the adapter, the merged model, the
/// report and summary.json. Ranks of a group train together; the first one writes. A signal
/// (kEndingSignals) during training ends it with a snapshot: kInterrupted. One after training ends
/// the process, with exit code 128 + n, once what is being written is whole or gone.
RunResult train_run(const ResolvedConfig& config, const RunOptions& options,
                    const RankGroup& group = RankGroup::alone());

/// Prepares the run as train_run does, measures two steps, and returns dry_run_text. Writes
/// nothing.
std::string dry_run_report(const ResolvedConfig& config, const ProcessOptions& options,
                           const RankGroup& group = RankGroup::alone());

}  // namespace expandft
