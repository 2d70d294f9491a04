#include "cli/eval_plan.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "evaluation/report.h"
#include "report/progress.h"
#include "report/summary.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::vector<TaskResult> evaluate_all(const LoadedModel& model, const std::vector<TaskConfig>& tasks,
                                     ProgressLine& progress) {
  std::vector<TaskResult> results;
  for (const TaskConfig& task : tasks) {
    results.push_back(
        evaluate(model.decoder, *model.tokenizer, task, [&](std::int64_t done, std::int64_t total) {
          progress.counting("evaluating " + task.name, done, total);
        }));
    progress.clear();
    spdlog::info("{} on {}: {:.4f} nats a token", model.directory.path().string(), task.name,
                 results.back().loss());
  }
  return results;
}

/// Input error unless both tokenizers number the same tokens in the same way.
void check_same_tokens(const LoadedModel& base, const Tokenizer& tuned, const std::string& where) {
  const Tokenizer& tokenizer = *base.tokenizer;
  bool same = tokenizer.size() == tuned.size() && tokenizer.adds_bos() == tuned.adds_bos() &&
              tokenizer.bos() == tuned.bos();
  for (TokenId id = 0; same && id < tokenizer.size(); ++id)
    same = tokenizer.token(id) == tuned.token(id);
  if (same) return;
  throw input_error("the models have different tokenizers (" + std::to_string(tokenizer.size()) +
                        " and " + std::to_string(tuned.size()) +
                        " tokens): their losses cannot be compared",
                    base.directory.path().string() + ", " + where,
                    "compare a tuned model with the base it came from");
}

/// To a file, whole or not at all, or to stdout ("-").
void write_results(const std::string& file, const Json& json) {
  if (file == "-") {
    print_json(json);
  } else {
    write_json(file, json);
  }
}

ExitCode run_single(const EvalOptions& options, const EvalPlan& plan, const GlobalOptions& global) {
  ProgressLine progress(global.quiet);
  const std::vector<TaskResult> results =
      evaluate_all(load_model(plan.tuned, global), plan.news, progress);
  if (options.json != "-") print(result_table(results));
  if (!options.json.empty()) {
    Json tasks = Json::array();
    for (const TaskResult& result : results) tasks.push_back(result_json(result));
    write_results(options.json, {{"model", plan.tuned.model}, {"tasks", tasks}});
  }
  return ExitCode::kDone;
}

ExitCode run_comparison(const EvalOptions& options, const EvalPlan& plan,
                        const GlobalOptions& global) {
  std::vector<TaskConfig> tasks = plan.originals;
  tasks.insert(tasks.end(), plan.news.begin(), plan.news.end());
  ProgressLine progress(global.quiet);

  // One model at a time: two need not fit in memory together.
  std::vector<TaskResult> base_results;
  {
    const LoadedModel base = load_model(*plan.base, global);
    check_same_tokens(base, *Tokenizer::load(plan.tuned.model), plan.tuned.model);
    base_results = evaluate_all(base, tasks, progress);
  }
  const std::vector<TaskResult> tuned_results =
      evaluate_all(load_model(plan.tuned, global), tasks, progress);

  const ComparisonReport report =
      compare_tasks(base_results, tuned_results, plan.originals.size(), plan.budget);
  if (options.json != "-") print(comparison_table(report));
  if (!options.json.empty()) {
    Json json = {{"base", plan.base->model}, {"tuned", plan.tuned.model}};
    if (plan.tuned.adapter) {
      json["adapter"] = *plan.tuned.adapter;
      json["strength"] = strength_json(plan.tuned.strength);
    }
    json.update(comparison_json(report));
    write_results(options.json, json);
  }
  flush_output();  // before the error goes to stderr
  if (const auto error = budget_error(report.originals, plan.budget)) throw *error;
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
                    "Insist on a comparison on original tasks");
  command
      ->add_option(
          "--config", options->config,
          "Run config: its model is the base, OUTPUT/merged the tuned model; its tasks and "
          "max_drop hold unless others are given")
      ->type_name("FILE");
  command->add_option("--model", options->model, "Model to evaluate")->type_name("DIR");
  command->add_option("--base", options->base, "Model to compare with")->type_name("DIR");
  command->add_option("--tasks", options->tasks, "Names or files of tasks, comma-separated")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--max-drop", options->max_drop,
                   "Budget of every original task: a rise of perplexity by so much, as 1% of the "
                   "base's or as a number")
      ->type_name("X");
  command
      ->add_option("--json", options->json,
                   "Write the results as JSON (-: stdout, in place of the table)")
      ->type_name("FILE");
  CLI::Option* adapter = command
                             ->add_option("--adapter", options->adapter,
                                          "Adapter to attach to --model, or else to the base")
                             ->type_name("DIR");
  add_strength_option(*command, options->strength)->needs(adapter);
  add_precision_option(*command, options->precision);
  command->callback([&context, options] {
    context.run = [&context, options] {
      const EvalPlan plan = plan_evaluation(*options);
      return plan.base ? run_comparison(*options, plan, context.global)
                       : run_single(*options, plan, context.global);
    };
  });
}

}  // namespace expandft
