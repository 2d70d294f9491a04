#include "base/wording.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "report/human.h"
#include "report/json_values.h"
#include "report/table.h"
#include "run/train_run.h"
#include "tasks/result_tables.h"
#include "training/snapshot.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;
  bool dry_run = false, resume = false, restart = false;
  RankOptions ranks;
};

/// Why nobody knows what was forgotten; empty where it was measured.
std::string why_not_measured(const RunConfig& run, const ComparisonReport& comparison) {
  if (!comparison.originals.empty()) return {};
  return run.evaluation.original_tasks.empty()
             ? "not measured; add evaluation.original_tasks"
             : "not measured: the model gives no finite number on the tasks";
}

std::string tasks_text(const ComparisonReport& comparison) {
  if (comparison.originals.empty() && comparison.news.empty()) return {};
  return comparison_table(comparison) + forgetting_text(comparison) + "\n";
}

/// What `train` prints at its end: the table of tasks, steps, losses, what was not measured, and
/// where the outputs are.
std::string outcome_text(const RunConfig& run, const RunResult& result) {
  const TrainingOutcome& outcome = result.outcome;
  Summary summary;
  std::string trained =
      counted(outcome.state.step, "step") + ", " + counted(outcome.state.tokens, "token");
  if (outcome.tokens_per_second > 0) {  // else an earlier process took all steps
    trained += fmt::format(", {} tokens/s, {}", human_count(outcome.tokens_per_second),
                           human_duration(outcome.seconds));
  }
  summary.line("trained", trained);
  if (outcome.validation_before && outcome.validation_after) {
    summary.line("validation", fmt::format("{:.4f} -> {:.4f} nats per token",
                                           *outcome.validation_before, *outcome.validation_after));
  }
  if (outcome.stopped_early) {
    summary.line("stopped early", "after " +
                                      counted(outcome.state.validations.since_best, "validation") +
                                      " without a lower loss");
  }
  if (outcome.output_step != outcome.state.step) {
    summary.line("outputs", fmt::format("of step {}, the lowest validation loss: {:.4f}",
                                        outcome.output_step, outcome.best->loss));
  }
  if (const std::string why = why_not_measured(run, result.comparison); !why.empty()) {
    summary.line("forgetting", why);
  }
  if (result.written.has_adapter) summary.line("adapter", (run.output / "adapter").string());
  const bool is_gguf = run.output_form.is_gguf();
  std::string merged = (run.output / (is_gguf ? "merged.gguf" : "merged")).string() + " (";
  if (result.written.layout) merged += "layout " + layout_name(*result.written.layout) + ", ";
  summary.line("merged", merged + "strength " + run.strength.text() + ")");
  summary.line("size", result.written.size);
  summary.line("report", (run.output / "report.html").string());
  return tasks_text(result.comparison) + summary.text();
}

/// For a run that --resume finds finished: what it was, and what can be done.
std::string finished_text(const RunConfig& run) {
  const fs::path& output = run.output;
  const Json summary = read_json(output / "summary.json");
  const std::optional<double> steps = number_at(summary, "steps");
  Summary lines;
  if (is_there(output / "report.html")) {
    lines.line("report", (output / "report.html").string());
  }
  if (snapshot_folders(output).empty()) {
    lines.line("continue",
               "not possible: no snapshot is left (training.checkpoint_every keeps "
               "some)");
  } else {
    lines.line("continue",
               fmt::format("raise {}, and give --resume again",
                           run.training.max_steps ? "training.max_steps" : "training.epochs"));
  }
  lines.line("start again", "--restart, which replaces this run");
  return fmt::format("the run in {} is finished{}; nothing to do\n{}", output.string(),
                     steps ? ", after " + counted(std::llround(*steps), "step") : "", lines.text());
}

ExitCode run_train(const TrainOptions& options, const GlobalOptions& global) {
  const ResolvedConfig config = load_run_config(options.config, options.overrides);
  const auto [process, group] = join_job(global, options.ranks);
  const auto print_once = [&, is_first = group->is_first()](const std::string& text) {
    if (is_first) print(text);
  };
  if (options.dry_run) {
    print_once(dry_run_report(config, process, *group));
    return ExitCode::kDone;
  }
  const ExistingRun existing = options.resume    ? ExistingRun::kResume
                               : options.restart ? ExistingRun::kReplace
                                                 : ExistingRun::kRefuse;
  const RunResult result = train_run(
      config, {process, existing, resume_command(options.config, options.overrides)}, *group);
  switch (result.ending) {
    case RunEnding::kWasFinished:
      print_once(finished_text(config.run));
      break;
    case RunEnding::kInterrupted:
      return static_cast<ExitCode>(128 + result.outcome.signal);
    case RunEnding::kFinished:
      print_once(outcome_text(config.run, result));
      break;
  }
  return ExitCode::kDone;
}

}  // namespace

void setup_train(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "train",
      "Expand a model, train the new width on your data, measure what was learned and what "
      "was\nkept, and write the adapter and the merged model. The base model is never changed",
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
      "Print the resolved config, the plan, the memory and the speed of two steps; write nothing");
  CLI::Option* resume = command->add_flag(
      "--resume", options->resume, "Continue from the newest snapshot, or start if there is none");
  command->add_flag("--restart", options->restart, "Start again, and replace the existing run")
      ->excludes(resume)
      ->excludes(dry_run);
  add_rank_options(*command, options->ranks);
  command->callback([&context, options] {
    context.run = [&context, options] { return run_train(*options, context.global); };
  });
}

}  // namespace expandft
