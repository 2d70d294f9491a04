#include "cli/load.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/task_config.h"
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

/// What was typed.
struct EvalOptions {
  std::string config, model, base, json, max_drop, precision = "auto";
  std::optional<std::string> adapter;
  double strength = 1.0;
  bool original_tasks = false;
  std::vector<std::string> tasks;
};

/// What is to be done.
struct EvalPlan {
  std::vector<TaskConfig> originals, news;
  std::optional<ModelOptions> base;  // none: one model alone, on `news`
  ModelOptions tuned;
  std::optional<DropBudget> budget;
};

std::vector<TaskConfig> find_tasks(const std::vector<std::string>& names, const fs::path& beside) {
  std::vector<TaskConfig> tasks;
  for (const std::string& name : names) tasks.push_back(find_task(name, beside));
  return tasks;
}

/// What would keep the results from being written, found before they are computed.
void check_json_target(const std::string& file) {
  if (file.empty() || file == "-" || fs::is_directory(parent_of(file))) return;
  throw input_error("no such folder: " + parent_of(file).string(), "--json " + file);
}

/// The merged model of a run, or an input error that says how to get one.
std::string merged_model(const RunConfig& run) {
  const fs::path merged = run.output / "merged";
  if (!fs::is_directory(merged)) {
    throw input_error("the run has no merged model yet", merged.string(),
                      "run expandft train --config " + run.file.string() +
                          ", or name another model with --model or --adapter");
  }
  return merged.string();
}

EvalPlan plan_evaluation(const EvalOptions& options) {
  check_json_target(options.json);
  EvalPlan plan;
  std::optional<RunConfig> run;
  if (!options.config.empty()) run = load_run_config(options.config).run;
  const fs::path beside = run ? run->file.parent_path() : fs::current_path();

  std::string base = options.base;
  if (base.empty() && run) base = run->model.string();
  plan.tuned = {.model = options.model,
                .adapter = options.adapter,
                .strength = options.strength,
                .precision = options.precision};
  if (plan.tuned.model.empty() && options.adapter) plan.tuned.model = base;
  if (plan.tuned.model.empty() && run) plan.tuned.model = merged_model(*run);
  if (plan.tuned.model.empty()) {
    throw input_error("no model to evaluate", "expandft eval", "give --model DIR or --config FILE");
  }
  if (!base.empty()) plan.base = ModelOptions{.model = base, .precision = options.precision};

  const bool use_config_tasks = options.tasks.empty() && run.has_value();
  const std::vector<TaskConfig> named =
      find_tasks(use_config_tasks ? run->evaluation.original_tasks : options.tasks, beside);
  (plan.base ? plan.originals : plan.news) = named;
  if (use_config_tasks) plan.news = find_tasks(run->evaluation.tasks, beside);
  if (plan.originals.empty() && (options.original_tasks || plan.news.empty())) {
    if (!plan.base && options.original_tasks) {
      throw input_error("--original-tasks compares with a base model, and none is given",
                        "expandft eval", "give --config FILE, or --base DIR");
    }
    throw input_error(
        options.original_tasks ? "no original tasks to evaluate" : "no tasks to evaluate",
        run ? options.config + ": evaluation" : "expandft eval",
        "name some with --tasks; `expandft tasks` lists them");
  }

  if (!options.max_drop.empty()) {
    plan.budget = parse_budget(options.max_drop, "--max-drop");
  } else if (run) {
    plan.budget = run->evaluation.max_drop;
  }
  if (plan.budget && !plan.base) {
    throw input_error("--max-drop compares with a base model, and none is given", "expandft eval",
                      "give --base DIR or --config FILE");
  }
  return plan;
}

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

  ComparisonReport report{.budget = plan.budget};
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const bool is_original = i < plan.originals.size();
    (is_original ? report.originals : report.news)
        .push_back(compare(base_results[i], tuned_results[i],
                           is_original ? plan.budget : std::optional<DropBudget>()));
  }
  if (options.json != "-") print(comparison_table(report));
  if (!options.json.empty()) {
    Json json = {{"base", plan.base->model}, {"tuned", plan.tuned.model}};
    if (plan.tuned.adapter) {
      json["adapter"] = *plan.tuned.adapter;
      json["strength"] = plan.tuned.strength;
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
  command->add_option("--strength", options->strength, "How much of the adapter counts, 0 to 1")
      ->type_name("S")
      ->capture_default_str()
      ->check(in_range(0.0, 1.0))
      ->needs(adapter);
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
