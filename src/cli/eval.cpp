#include "cli/eval_outputs.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

ExitCode run_eval(const EvalOptions& options, const GlobalOptions& global,
                  const RankOptions& ranks) {
  const EvalPlan plan = plan_evaluation(options);
  const auto [process, group] = join_job(global, ranks);
  report_notices(plan.notices, process);
  if (!plan.base) {
    const std::vector<TaskResult> results =
        measure_model(plan.tuned, plan.news, plan.cache, process, *group);
    if (group->is_first()) write_results(options, plan, results);
    return ExitCode::kDone;
  }
  const MeasuredPair measured = compare_models(*plan.base, plan.tuned, plan.originals, plan.news,
                                               plan.budgets, plan.cache, process, *group);
  if (!group->is_first()) return ExitCode::kDone;
  write_results(options, plan, measured);
  flush_output();  // before the error goes to stderr
  if (const auto error = budget_error(measured.report)) throw *error;
  return ExitCode::kDone;
}

}  // namespace

void setup_eval(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "eval",
      "Compare a tuned model with its base on tasks (--config, or --model and --base), or measure\n"
      "one model (--model alone). Exit code 3: an original task dropped by more than --max-drop",
      "expandft eval --original-tasks --config run.json --max-drop 1%\n"
      "  expandft eval --model runs/mathqa/merged --base models/gemma-3-1b-pt --tasks wikitext\n"
      "  expandft eval --model models/gemma-3-1b-pt --tasks wikitext,tinystories");
  command->group("Prove");
  const auto options = std::make_shared<EvalOptions>();
  command->add_flag("--original-tasks", options->original_tasks,
                    "Fail unless original tasks are compared with a base");
  command
      ->add_option("--config", options->config,
                   "Run config: its model is the base, OUTPUT/merged the tuned model; its tasks "
                   "and max_drop apply unless others are given")
      ->type_name("FILE");
  command->add_option("--model", options->model, "Model to evaluate")->type_name("DIR");
  command->add_option("--base", options->base, "Model to compare with")->type_name("DIR");
  command->add_option("--tasks", options->tasks, "Names or files of tasks, comma-separated")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--max-drop", options->max_drop,
                   "Budget: how much worse the judged metric of each original task may get, as 1% "
                   "of the base's value or as a number; TASK=X for one task, mean=X% for the mean "
                   "of all; can be repeated")
      ->type_name("X")
      ->allow_extra_args(false);
  add_measure_options(*command, options->measure);
  command->add_flag("--written", options->written,
                    "Choice tasks: judge the answers that the model writes, not likelihoods");
  add_task_data_option(*command, options->task_data);
  command
      ->add_option("--json", options->json,
                   "Write the results as JSON (-: stdout, in place of the table)")
      ->type_name("FILE");
  command
      ->add_option("--examples", options->examples,
                   "Write the result of each example, as JSON lines")
      ->type_name("FILE");
  command->add_option("--junit", options->junit, "Write the verdicts as JUnit XML, for CI systems")
      ->type_name("FILE");
  command
      ->add_option("--html", options->html,
                   "Write an HTML page of the examples whose answers changed")
      ->type_name("FILE");
  CLI::Option* adapter = command
                             ->add_option("--adapter", options->adapter,
                                          "Adapter to attach to --model, or else to the base")
                             ->type_name("DIR");
  add_strength_option(*command, options->strength)->needs(adapter);
  add_precision_option(*command, options->precision);
  const auto ranks = std::make_shared<RankOptions>();
  add_rank_options(*command, *ranks);
  command->callback([&context, options, ranks] {
    context.run = [&context, options, ranks] { return run_eval(*options, context.global, *ranks); };
  });
}

}  // namespace expandft
