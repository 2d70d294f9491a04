#include "checkpoint/output_lock.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "report/summary.h"
#include "run/finishing.h"
#include "run/resume_command.h"
#include "run/run_directory.h"
#include "run/run_evaluation.h"
#include "run/samples.h"
#include "run/train_outputs.h"
#include "run/train_setup.h"
#include "run/train_texts.h"
#include "run/write_model.h"
#include "run/write_report.h"
#include "tasks/result_tables.h"
#include "training/resume.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;
  bool dry_run = false, resume = false, restart = false;
  RankOptions ranks;
};

/// The most snapshots that lie in the run directory together: those kept, and one more while it is
/// written.
std::uint64_t snapshots_at_once(const TrainSetup& setup) {
  const TrainingConfig& training = setup.run().training;
  const std::int64_t steps = BatchStream(setup.epochs, training).total_steps();
  const auto times = [&](std::int64_t every) { return every > 0 ? steps / every : 0; };
  const bool keeps_best = training.output_checkpoint == OutputCheckpoint::kBest &&
                          setup.validation_data && training.validate_every > 0;
  const std::int64_t bests = keeps_best ? times(training.validate_every) : 0;
  const std::int64_t written = times(training.checkpoint_every) + bests + 1;  // and one at the end
  const std::int64_t kept = training.keep_checkpoints + (keeps_best ? 1 : 0);
  return static_cast<std::uint64_t>(std::min(kept, written)) + (written > 1 ? 1 : 0);
}

/// What a run writes at most: adapter, merged model and snapshots.
std::uint64_t bytes_to_write(const TrainSetup& setup) {
  const std::uint64_t snapshot = snapshot_bytes(count_trained_parameters(setup.adaptation()));
  return outputs_bytes(setup) + snapshot / 3 + snapshots_at_once(setup) * snapshot;
}

/// The command that goes on with a run.
std::string resuming_command(const TrainOptions& options) {
  std::string command = "expandft train --config " + shell_word(options.config);
  for (const std::string& set : options.overrides) command += " --set " + shell_word(set);
  return command + " --resume";
}

ExitCode interrupted(const TrainingOutcome& outcome, const GoingOn& going_on) {
  if (going_on.is_told) {
    spdlog::warn("{} after step {} of {}; everything is saved", ending_word(outcome.signal),
                 outcome.state.step, outcome.total_steps);
  }
  going_on.tell();
  return static_cast<ExitCode>(128 + outcome.signal);
}

/// Copies told apart by noise compute what the base does only up to rounding: says how far off.
void report_start(const TrainSetup& setup) {
  if (!setup.folding || setup.folding->plan.copies <= 2 || setup.run().expansion.noise == 0) return;
  const TokenTensors probe = probe_tokens(setup.spec, setup.device);
  setup.adaptation().set_strength(0);
  const at::Tensor base = probe_logits(setup.decoder, probe);
  setup.adaptation().set_strength(1);
  spdlog::info("copies told apart by zero-sum noise of {:g}: {}", setup.run().expansion.noise,
               describe(compare_logits(base, probe_logits(setup.decoder, probe))));
}

/// A finished run has nothing more to do, unless its config asks for more now. Input error when
/// there is no snapshot left to go on from.
RunStart start_of_run(const RunConfig& run, const Json& resolved, const TrainOptions& options) {
  const RunStart start = plan_start(run.output, options.resume, options.restart);
  if (start == RunStart::kFresh) return start;
  const bool has_snapshots = !snapshot_folders(run.output).empty();
  if (start == RunStart::kFinished) {
    if (!is_to_go_on(run.output, resolved)) return start;
    if (has_snapshots) return RunStart::kResume;
    throw input_error(
        "the run is finished, its config asks for something else now, and no snapshot is left to "
        "go on from",
        run.output.string(),
        "begin again with --restart; with training.checkpoint_every set, a finished run keeps "
        "snapshots");
  }
  if (!has_snapshots) spdlog::info("no snapshot yet: from the beginning");
  return has_snapshots ? RunStart::kResume : RunStart::kFresh;
}

void prepare_run_directory(const TrainSetup& setup, RunStart start, std::uint64_t bytes) {
  const fs::path& run = setup.run().output;
  check_target(run, bytes, AtomicDirectory::Existing::kReplaceOurs, OutputKind::kRun);
  if (start == RunStart::kFresh) create_run_directory(run, setup.config.resolved);
  if (!setup.ranking.empty()) write_json(run / kRankingFile, ranking_json(setup.ranking));
}

/// The same on all ranks: rank 0 looks.
RunStart start_of_ranks(const RunConfig& run, const Json& resolved, const TrainOptions& options,
                        const RankGroup& group) {
  if (options.dry_run) return RunStart::kFresh;
  const RunStart start = group.is_first() ? start_of_run(run, resolved, options) : RunStart::kFresh;
  return static_cast<RunStart>(
      std::stoi(group.text_of_first(std::to_string(static_cast<int>(start)))));
}

/// Keeps other runs out of the run directory, until it is destroyed; rank 0's alone.
std::unique_ptr<OutputLock> lock_output(const RunConfig& run, const TrainOptions& options,
                                        const RankGroup& group) {
  if (!group.is_first() || options.dry_run) return {};
  auto lock = std::make_unique<OutputLock>(run.output);
  if (lock->dead_holder()) {
    spdlog::info("{} was writing here, and is gone", *lock->dead_holder());
  }
  return lock;
}

/// Every rank has to have something to compute in a step.
void check_ranks(const RunConfig& run, const RankGroup& group) {
  if (!run.training.batch_size || *run.training.batch_size >= group.count()) return;
  throw input_error(fmt::format("training.batch_size is {}, for {} ranks: some would have nothing "
                                "to do",
                                *run.training.batch_size, group.count()),
                    run.file.string(),
                    "it counts the sequences of a step on all ranks together: raise it, or start "
                    "fewer ranks");
}

/// The tasks, on what came of the run. A model that gives no number on a task is written all the
/// same: what it is can be looked at.
void evaluate_run(RunEvaluation& evaluation, const TrainingOutcome& outcome, RunResults& results) {
  try {
    results.comparison = evaluation.compare(outcome);
    results.strengths = evaluation.strengths();
  } catch (const Error& error) {
    if (error.code() != ExitCode::kFailed) throw;
    spdlog::warn("the tasks are not measured: {}", error.message());
  }
}

ExitCode run_train(const TrainOptions& options, const GlobalOptions& global) {
  ResolvedConfig config = load_run_config(options.config, options.overrides);
  const auto [process, group] = join_job(global, options.ranks);
  check_ranks(config.run, *group);
  std::unique_ptr<OutputLock> lock = lock_output(config.run, options, *group);
  const RunStart start = start_of_ranks(config.run, config.resolved, options, *group);
  if (start == RunStart::kFinished) {
    if (group->is_first()) {
      print(finished_text(config.run));
    }
    return ExitCode::kDone;
  }
  const auto setup =
      set_up_training(std::move(config), process, start == RunStart::kResume, *group);
  RunEvaluation evaluation(*setup, process.quiet);  // finds what is wrong with tasks
  const std::vector<SamplePrompt> prompts = sample_prompts(*setup);
  if (options.dry_run) {
    retain_on_self_text(*setup, nullptr, process.quiet);
    const std::string report = dry_run_report(*setup);
    if (group->is_first()) print(report);
    return ExitCode::kDone;
  }
  const std::uint64_t bytes = bytes_to_write(*setup);
  const std::string base_fingerprint =
      group->text_of_first(group->is_first() ? setup->base.fingerprint() : "");
  if (group->is_first()) prepare_run_directory(*setup, start, bytes);
  report_start(*setup);

  retain_on_self_text(*setup, &setup->run().output, process.quiet);
  const Dataset* retention_data = setup->retention_data ? &*setup->retention_data : nullptr;

  const TrainingJob job{
      .config = setup->config,
      .decoder = setup->decoder,
      .adaptation = setup->adaptation(),
      .epochs = setup->epochs,
      .validation_data = setup->validation_data ? &*setup->validation_data : nullptr,
      .retention_data = retention_data,
      .frozen_layers = setup->method.frozen_layers,
      .run_directory = setup->run().output,
      .bytes_to_write = bytes,
      .identity = snapshot_identity(setup->config.resolved, base_fingerprint,
                                    fingerprint(setup->training_data),
                                    retention_data ? fingerprint(*retention_data) : ""),
      .resume = start == RunStart::kResume,
      .evaluate = evaluation.while_training(),
      .quiet = process.quiet,
      .queued_steps = {},
      .group = *group};
  const SignalWatch signals;
  const GoingOn going_on{setup->run().output, resuming_command(options), group->is_first()};
  const TrainingOutcome outcome = run_training(job);
  if (group->is_first()) write_unfinished_report(*setup, outcome);
  if (outcome.signal != 0) return interrupted(outcome, going_on);

  const Finishing finishing(signals, going_on, [&] { lock.reset(); });
  if (group->is_first() && has_adapter(*setup)) {
    spdlog::info("writing {}", (setup->run().output / "adapter").string());
    finishing.write("writing the adapter", [&] { write_run_adapter(*setup, base_fingerprint); });
  }
  RunResults results{.strengths = Json::array()};
  finishing.compute("evaluating the tasks", [&] { evaluate_run(evaluation, outcome, results); });
  if (group->is_first() || setup->decoder.is_sharded()) {
    finishing.compute("writing samples",
                      [&] { results.samples = make_samples(*setup, prompts, process.quiet); });
  }
  if (!group->is_first()) return ExitCode::kDone;
  finish_run(*setup, outcome, results, finishing);
  fs::remove(diverged_file(setup->run().output));
  if (setup->run().training.checkpoint_every == 0) {
    fs::remove_all(setup->run().output / "checkpoints");  // of no use any more
  }
  const ComparisonReport& comparison = results.comparison;
  if (!comparison.originals.empty() || !comparison.news.empty()) {
    print(comparison_table(comparison) + forgetting_text(comparison) + "\n");
  }
  print(outcome_text(*setup, outcome, comparison));
  return ExitCode::kDone;
}

}  // namespace

void setup_train(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "train",
      "Expand a model, train the new width on your data, and write the adapter and the merged\n"
      "model; then measure what was learned and what was kept. The original weights stay as they\n"
      "are",
      "expandft train --config configs/quickstart.json\n"
      "  expandft train --config run.json --set training.learning_rate=2e-4 --dry-run");
  command->group("Make");
  const auto options = std::make_shared<TrainOptions>();
  command->add_option("--config", options->config, "Run config: docs/configuration.md")
      ->type_name("FILE")
      ->required();
  add_set_option(*command, options->overrides);
  CLI::Option* dry_run = command->add_flag(
      "--dry-run", options->dry_run,
      "Print the resolved config, the plan, memory and the speed of two steps; write nothing");
  CLI::Option* resume =
      command->add_flag("--resume", options->resume, "Continue from the last snapshot, or begin");
  command->add_flag("--restart", options->restart, "Begin anew, in place of the run that is there")
      ->excludes(resume)
      ->excludes(dry_run);
  add_rank_options(*command, options->ranks);
  command->callback([&context, options] {
    context.run = [&context, options] { return run_train(*options, context.global); };
  });
}

}  // namespace expandft
