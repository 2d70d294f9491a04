#include "run/train_run.h"

#include "base/error.h"
#include "checkpoint/atomic_directory.h"
#include "export/logit_difference.h"
#include "report/json_values.h"
#include "run/run_evaluation.h"
#include "run/run_inputs.h"
#include "run/run_outputs.h"
#include "run/samples.h"
#include "run/stages_after_training.h"
#include "run/write_report.h"
#include "training/health.h"
#include "training/resume.h"

#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

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

void make_run_directory(const PreparedRun& run, RunStart start, std::uint64_t bytes) {
  const fs::path& output = run.config.run.output;
  check_target(output, bytes, AtomicDirectory::Existing::kReplaceOurs, OutputKind::kRun);
  if (start == RunStart::kFresh) create_run_directory(output, run.config.resolved);
  if (!run.model.ranking.empty()) {
    write_json(output / kRankingFile, ranking_json(run.model.ranking));
  }
}

/// Copies that differ by noise compute what the base computes only up to rounding: logs how far
/// off.
void log_effect_of_noise(const PreparedRun& run) {
  const RunModel& model = run.model;
  const double noise = run.config.run.expansion.noise;
  if (!model.folding || model.folding->plan.copies <= 2 || noise == 0) return;
  const TokenTensors probe = probe_tokens(run.base.spec, model.decoder.device());
  model.adaptation().set_strength(0);
  const at::Tensor base = probe_logits(model.decoder, probe);
  model.adaptation().set_strength(1);
  spdlog::info("copies made different by zero-sum noise of {:g}: {}", noise,
               describe(compare_logits(base, probe_logits(model.decoder, probe))));
}

void add_self_written_text(PreparedRun& run, const fs::path& file, const RankGroup& group,
                           bool quiet) {
  add_self_written_text(run.config.run, run.base, run.model.decoder, run.model.adaptation(), file,
                        group, quiet, run.data.retention);
}

TrainingOutcome train(const PreparedRun& run, bool resume, std::uint64_t bytes,
                      const std::string& base_fingerprint, EvaluateFn evaluate,
                      const RankGroup& group, bool quiet) {
  const RunData& data = run.data;
  return run_training({.config = run.config,
                       .decoder = run.model.decoder,
                       .adaptation = run.model.adaptation(),
                       .epochs = data.epochs,
                       .validation_data = data.validation ? &*data.validation : nullptr,
                       .retention_data = data.retention ? &*data.retention : nullptr,
                       .frozen_layers = run.model.method.frozen_layers,
                       .run_directory = run.config.run.output,
                       .bytes_to_write = bytes,
                       .identity = snapshot_identity(
                           run.config.resolved, base_fingerprint, fingerprint(*data.training),
                           data.retention ? fingerprint(*data.retention) : ""),
                       .resume = resume,
                       .evaluate = std::move(evaluate),
                       .quiet = quiet,
                       .queued_steps = {},
                       .group = group});
}

RunResult interrupted(const TrainingOutcome& outcome, const ResumeHint& hint) {
  if (hint.is_first_rank) {
    spdlog::warn("{} after step {} of {}; everything is saved", ending_word(outcome.signal),
                 outcome.state.step, outcome.total_steps);
  }
  hint.log();
  return {.ending = RunEnding::kInterrupted, .outcome = outcome};
}

/// The tasks, on the trained model. One that gives no finite number is written all the same, so
/// that it can be looked at.
void measure_tasks(RunEvaluation& evaluation, const TrainingOutcome& outcome, RunResults& results) {
  try {
    results.comparison = evaluation.compare(outcome);
    results.strengths = evaluation.strengths();
  } catch (const Error& error) {
    if (error.code() != ExitCode::kFailed) throw;
    spdlog::warn("the tasks are not measured: {}", error.message());
  }
}

void remove_leftovers(const RunConfig& run) {
  fs::remove(diverged_file(run.output));
  // Nothing can be resumed from a run that finished and keeps no snapshots.
  if (run.training.checkpoint_every == 0) fs::remove_all(run.output / "checkpoints");
}

WrittenModel written_model(const PreparedRun& run) {
  const RunModel& model = run.model;
  return {.has_adapter = model.has_adapter(),
          .layout = model.folding ? std::optional(model.folding->layout) : std::nullopt,
          .size = merged_size(run.config.run, run.base, model)};
}

}  // namespace

RunResult train_run(const ResolvedConfig& config, const RunOptions& options,
                    const RankGroup& group) {
  const fs::path& output = config.run.output;
  const bool quiet = options.process.quiet;
  check_ranks(config.run, group);
  std::unique_ptr<OutputLock> lock = lock_run(output, group);
  const RunStart start = start_of_run(config, options.existing, group);
  if (start == RunStart::kFinished) return {.ending = RunEnding::kWasFinished};
  const bool resume = start == RunStart::kResume;

  // Everything that can be wrong with the inputs is found before the run directory is touched.
  PreparedRun run = prepare_run(config, options.process, resume, group);
  RunEvaluation evaluation(run.config.run, run.base, run.model, group, quiet);
  const SamplePlan samples = plan_samples(run.config.run, run.base, run.data);
  const std::uint64_t bytes = bytes_to_write(run);
  const std::string base_fingerprint =
      group.text_of_first(group.is_first() ? run.base.directory.fingerprint() : "");
  if (group.is_first()) make_run_directory(run, start, bytes);
  log_effect_of_noise(run);
  add_self_written_text(run, output / kSelfTextFile, group, quiet);

  const SignalWatch signals;
  const ResumeHint hint{output, options.resume_command, group.is_first()};
  const TrainingOutcome outcome =
      train(run, resume, bytes, base_fingerprint, evaluation.while_training(), group, quiet);
  if (group.is_first()) write_unfinished_report(run, outcome);
  if (outcome.signal != 0) return interrupted(outcome, hint);

  const StagesAfterTraining stages(signals, hint, [&] { lock.reset(); });
  if (group.is_first() && run.model.has_adapter()) {
    spdlog::info("writing {}", (output / "adapter").string());
    stages.write("writing the adapter",
                 [&] { write_run_adapter(run.config.run, run.base, run.model, base_fingerprint); });
  }
  RunResults results;
  stages.compute("evaluating the tasks", [&] { measure_tasks(evaluation, outcome, results); });
  if (group.is_first() || run.model.decoder.is_sharded()) {
    stages.compute("writing samples", [&] {
      results.samples =
          make_samples(samples, *run.base.tokenizer, run.model, run.config.run.strength, quiet);
    });
  }
  if (group.is_first()) {
    write_run_outputs(run, outcome, results, stages);
    remove_leftovers(run.config.run);
  }
  return {RunEnding::kFinished, outcome, results.comparison, written_model(run)};
}

std::string dry_run_report(const ResolvedConfig& config, const ProcessOptions& options,
                           const RankGroup& group) {
  check_ranks(config.run, group);
  PreparedRun run = prepare_run(config, options, /*resume=*/false, group, /*caches_ids=*/false);
  // A task or a prompt that cannot be used is found here.
  const RunEvaluation evaluation(run.config.run, run.base, run.model, group, options.quiet);
  plan_samples(run.config.run, run.base, run.data);
  add_self_written_text(run, /*file=*/{}, group, options.quiet);
  return dry_run_text(run, dry_run(run, group));
}

}  // namespace expandft
