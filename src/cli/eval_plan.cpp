#include "cli/eval_plan.h"

#include "tasks/output_cache.h"

#include <algorithm>

namespace expandft {
namespace {

/// What would keep a result from being written, found before it is computed.
void check_target(const std::string& option, const std::string& file) {
  if (file.empty() || (file == "-" && option == "--json")) return;
  if (file == "-") {
    throw input_error("\"-\" is stdout, where only --json can go", option, "name a file");
  }
  if (is_folder(file)) {
    throw input_error("found a directory, expected a file", option + " " + file);
  }
  if (is_folder(parent_of(file))) return;
  throw input_error("no such folder: " + parent_of(file).string(), option + " " + file);
}

void check_targets(const EvalOptions& options) {
  check_target("--json", options.json);
  check_target("--examples", options.examples);
  check_target("--junit", options.junit);
  check_target("--html", options.html);
}

/// Results that compare two models.
void require_base(const EvalOptions& options) {
  const auto require = [](bool asked, const std::string& option) {
    if (!asked) return;
    throw input_error(option + " compares with a base model, and none is given", "expandft eval",
                      "give --base DIR or --config FILE");
  };
  require(!options.max_drop.empty(), "--max-drop");
  require(!options.junit.empty(), "--junit");
  require(!options.html.empty(), "--html");
}

DropBudgets budgets_of_all(const EvalOptions& options, const RunConfig* run,
                           const std::vector<TaskConfig>& originals) {
  if (!options.max_drop.empty()) return read_budgets(options.max_drop, originals);
  const DropBudgets budgets = run != nullptr ? run->evaluation.max_drop : DropBudgets();
  check_budgets(budgets, originals, options.config + ": evaluation.max_drop");
  return budgets;
}

std::optional<fs::path> cache_folder(const EvalOptions& options) {
  if (options.no_cache) return std::nullopt;
  return options.cache.empty() ? default_cache_folder() : fs::path(options.cache);
}

/// What the command line says of all tasks.
void adjust(std::vector<TaskConfig>& tasks, const EvalOptions& options) {
  for (TaskConfig& task : tasks) {
    if (options.limit > 0) task.max_examples = options.limit;
    if (options.written && task.type == TaskType::kChoice) task.written = true;
  }
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
  check_targets(options);
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
  std::vector<fs::path> data = options.task_data;
  if (run) {
    data.insert(data.end(), run->evaluation.task_data.begin(), run->evaluation.task_data.end());
  }
  const std::vector<TaskConfig> named = find_tasks(
      use_config_tasks ? run->evaluation.original_tasks : named_tasks(options.tasks), beside, data);
  (plan.base ? plan.originals : plan.news) = named;
  if (use_config_tasks) plan.news = find_tasks(run->evaluation.tasks, beside, data);
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

  if (!plan.base) require_base(options);
  if (plan.base) plan.budgets = budgets_of_all(options, run ? &*run : nullptr, plan.originals);
  adjust(plan.originals, options);
  adjust(plan.news, options);
  plan.cache = cache_folder(options);
  return plan;
}

}  // namespace expandft
