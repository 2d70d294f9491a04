#include "cli/output.h"
#include "cli/train_text.h"
#include "cli/verbs.h"
#include "run/train_run.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;
  bool dry_run = false, resume = false, restart = false;
  RankOptions ranks;
};

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
