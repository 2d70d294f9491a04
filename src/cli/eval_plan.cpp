#include "cli/eval_plan.h"

#include "evaluation/comparison.h"

namespace expandft {
namespace {

/// What would keep the results from being written, found before they are computed.
void check_json_target(const std::string& file) {
  if (file.empty() || file == "-" || is_folder(parent_of(file))) return;
  throw input_error("no such folder: " + parent_of(file).string(), "--json " + file);
}

/// The merged model of a run, or an input error that says how to get one.
std::string merged_model(const RunConfig& run) {
  const fs::path merged = run.output / "merged";
  if (!is_folder(merged)) {
    throw input_error("the run has no merged model yet", merged.string(),
                      "run expandft train --config " + run.file.string() +
                          ", or name another model with --model or --adapter");
  }
  return merged.string();
}

}  // namespace

EvalPlan plan_evaluation(const EvalOptions& options) {
  check_json_target(options.json);
  EvalPlan plan;
  std::optional<RunConfig> run;
  if (!options.config.empty()) run = load_run_config(options.config).run;
  const fs::path beside = run ? run->file.parent_path() : fs::path(".");

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

}  // namespace expandft
