#include "cli/eval_plan.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/strength.h"
#include "measure/measure_models.h"
#include "pages/answers_page.h"
#include "pages/junit.h"
#include "report/json_values.h"
#include "tasks/result_tables.h"
#include "tasks/results_json.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

/// To a file, whole or not at all, or to stdout ("-").
void write_or_print(const std::string& file, const Json& json) {
  if (file.empty()) return;
  if (file == "-") {
    print_json(json);
  } else {
    write_json(file, json);
  }
}

void add_strength(const EvalPlan& plan, Json& json) {
  if (plan.tuned.adapter) json["adapter"] = *plan.tuned.adapter;
  json["strength"] = plan.strength ? strength_json(*plan.strength) : Json();
}

std::string tuned_name(const EvalPlan& plan) {
  return plan.tuned.adapter.value_or(plan.tuned.model);
}

/// "measured: runs/a/merged at strength 1"
std::string measured_text(const EvalPlan& plan) {
  std::string text = "measured: " + tuned_name(plan);
  if (plan.strength) text += " at strength " + plan.strength->text();
  return text + "\n";
}

void add_lines(const std::vector<TaskResult>& results, const std::string& model,
               std::string& text) {
  for (const TaskResult& result : results) {
    for (const Json& line : example_lines(result, model)) {
      text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
  }
}

/// Prints one model's results, and writes the files that the options name.
void write_results(const EvalOptions& options, const EvalPlan& plan,
                   const std::vector<TaskResult>& results) {
  if (options.json != "-") print(result_table(results) + measured_text(plan));
  Json tasks = Json::array();
  for (const TaskResult& result : results) tasks.push_back(result_json(result));
  Json json = {{"model", plan.tuned.model}};
  add_strength(plan, json);
  json["tasks"] = tasks;
  write_or_print(options.json, json);
  if (options.examples.empty()) return;
  std::string lines;
  add_lines(results, "model", lines);
  write_file_atomically(options.examples, lines);
}

/// The same for a comparison.
void write_results(const EvalOptions& options, const EvalPlan& plan, const MeasuredPair& measured) {
  const auto& [base, tuned, report] = measured;
  if (options.json != "-") {
    print(comparison_table(report) + forgetting_text(report) + measured_text(plan));
  }
  Json json = {{"base", plan.base->model}, {"tuned", plan.tuned.model}};
  add_strength(plan, json);
  json.update(comparison_json(report));
  write_or_print(options.json, json);
  if (!options.examples.empty()) {
    std::string lines;
    add_lines(base, "base", lines);
    add_lines(tuned, "tuned", lines);
    write_file_atomically(options.examples, lines);
  }
  const ComparedModels compared{plan.base->model, tuned_name(plan),
                                plan.strength ? plan.strength->text() : ""};
  if (!options.junit.empty()) {
    write_file_atomically(options.junit, junit_xml(report, compared));
  }
  if (!options.html.empty()) {
    write_file_atomically(options.html, answers_page(report, base, tuned, compared));
  }
}

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
